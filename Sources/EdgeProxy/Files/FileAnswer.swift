internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Answers from the files of a directory, RFC 9110 §9.3.1, §13 and §14.
extension Exchange {
  func answerFile(_ settings: FileSettings) {
    switch request.head.method {
    case .get, .head: break
    case .options: return sendOwn(204, "No Content") { $0.add("Allow", Self.fileMethods) }
    default: return sendError(405, "method-not-allowed", allow: Self.fileMethods)
    }
    let requested = request.head.decodedPath
    guard let path = RequestedFile.path(of: requested, below: settings.below) else {
      return sendError(404, "file-hidden")
    }
    do throws(RequestedFile.Failure) {
      let found = try RequestedFile.open(path, in: settings.directory)
      switch found.facts.kind {
      case .file: try send(found, settings)
      case .directory: try answerDirectory(found, settings)
      case .other: throw .absent
      }
    } catch {
      answerAbsent(error, settings)
    }
  }

  /// A program in the browser has paths that are no files: its one page answers for them.
  private func answerAbsent(_ failure: RequestedFile.Failure, _ settings: FileSettings) {
    guard failure == .absent, let name = settings.fallback,
      let file = RequestedFile.sibling(name, in: settings.directory)
    else { return refuseFile(failure) }
    do throws(RequestedFile.Failure) {
      try send(file, settings)
    } catch {
      refuseFile(error)
    }
  }

  private static var fileMethods: StaticString { "GET, HEAD, OPTIONS" }

  private func refuseFile(_ failure: RequestedFile.Failure) {
    switch failure {
    case .absent: sendError(404, "file-unknown")
    case .forbidden: sendError(403, "file-forbidden")
    case .unavailable: sendError(503, "file-unavailable")
    }
  }

  // MARK: Directories

  private func answerDirectory(
    _ found: borrowing RequestedFile, _ settings: FileSettings
  ) throws(RequestedFile.Failure) {
    guard request.head.decodedPath.last == UInt8(ascii: "/") else { return addSlash() }
    let start = found.path == [0x2e, 0] ? [] : Array(found.path.dropLast())
    for name in settings.index {
      guard let file = RequestedFile.sibling(start + name, in: settings.directory) else { continue }
      return try send(file, settings)
    }
    guard settings.listing else { throw .absent }
    guard let page = try listing(of: found, settings) else {
      return listingDue = worker.loop.arm(self, after: ListingCache.pause)
    }
    ownBody.begin(page)
    sendOwnBody(200, "OK") {
      $0.add("Content-Type", "text/html; charset=utf-8")
      $0.add("Cache-Control", "no-cache")
    }
  }

  /// The page of a directory; `nil` where one has been made in this turn already.
  private func listing(
    of found: borrowing RequestedFile, _ settings: FileSettings
  ) throws(RequestedFile.Failure) -> SharedPage? {
    let (directory, path, facts) = (settings.directory, request.head.decodedPath, found.facts)
    if let page = worker.listings.find(directory, path, facts) { return page }
    guard worker.listings.mayMake(now: worker.loop.now) else { return nil }
    let wallClock = worker.wallClockNow
    let entries: [DirectoryEntry]
    do throws(SystemError) {
      entries = try FileTree.entries(
        of: found.descriptor.raw, countMax: DirectoryListing.readMax)
    } catch {
      throw .unavailable
    }
    let page = SharedPage(
      DirectoryListing.page(entries, of: path), countedIn: worker.buffers)
    worker.listings.keep(page, directory, path, facts, wallClock: wallClock)
    return page
  }

  /// Another turn: the page that had to wait may be made.
  func listingMayBeMade() {
    listingDue = .none
    guard stage == .answering, !answer.hasBegun, case .files(let settings) = localRoute else {
      return
    }
    answerFile(settings)
  }

  private var localRoute: LocalRoute? {
    destination.flatMap { snapshot.configuration.routes[$0.route].local }
  }

  /// Relative links in a directory's page need the slash.
  ///
  /// The path is written anew from its decoded form, so that it begins with one `/` and names no
  /// other server.
  private func addSlash() {
    var location: [UInt8] = []
    let path = request.head.decodedPath
    location.append(escapingPath: path.span)
    location.append(UInt8(ascii: "/"))
    if let query = request.head.query {
      location.append(UInt8(ascii: "?"))
      location.append(escapingTarget: request.head.span(query))
    }
    ownBody.begin()
    sendOwnBody(301, "Moved Permanently") { $0.add("Location", location.span) }
  }

  // MARK: Files

  private func send(
    _ found: consuming RequestedFile, _ settings: FileSettings
  ) throws(RequestedFile.Failure) {
    let type = snapshot.mediaTypes.type(of: found.path)
    var coding = ContentCoding.identity
    if !settings.precompressed.isEmpty, let better = precompressed(found, settings, &coding) {
      found = better
    }
    let facts = found.facts
    let validators = facts.validators(coding)
    switch request.head.precondition(validators) {
    case .failed: return sendError(412, "precondition-failed")
    case .notModified:
      return sendOwn(304, "Not Modified") {
        $0.describe(facts, validators, coding, settings)
      }
    case .holds: break
    }
    let ranges = requestedRanges(validators, facts.bytesCount)
    switch ranges {
    case .unsatisfiable:
      return sendError(416, "range-unsatisfiable", length: facts.bytesCount)
    case .whole:
      sendParts(
        found.descriptor, [.bytes(0..<facts.bytesCount)], 200, "OK",
        count: facts.bytesCount
      ) {
        $0.describe(facts, validators, coding, settings)
        $0.add("Content-Type", type.span)
        $0.add("Accept-Ranges", "bytes")
      }
    case .parts(let ranges):
      let parts = RangeParts(
        ranges, length: facts.bytesCount, type: type, boundary: record.requestID)
      sendParts(
        found.descriptor, parts.parts, 206, "Partial Content", count: parts.count
      ) {
        $0.describe(facts, validators, coding, settings)
        parts.describe(&$0)
        $0.add("Accept-Ranges", "bytes")
      }
    }
  }

  /// Only GET has ranges (RFC 9110 §14.2).
  private func requestedRanges(_ validators: Validators, _ length: Int64) -> ByteRanges {
    guard request.head.method == .get,
      request.head.rangeConditionHolds(validators, now: worker.secondsNow)
    else { return .whole }
    return request.head.ranges(length: length)
  }

  /// A file beside the one that is asked for, in the coding that the client likes best.
  ///
  /// One that is older than the file itself was forgotten when the file was changed.
  private func precompressed(
    _ found: borrowing RequestedFile, _ settings: FileSettings, _ coding: inout ContentCoding
  ) -> RequestedFile? {
    let accepts = AcceptEncoding(request.head)
    let wanted = settings.precompressed.filter(accepts.prefers)
      .enumerated().sorted {
        (accepts.weight($0.element), $1.offset) > (accepts.weight($1.element), $0.offset)
      }
    for (_, candidate) in wanted {
      var path = Array(found.path.dropLast())
      path.append(candidate.fileSuffix)
      path.append(0)
      guard let sibling = RequestedFile.sibling(path, in: settings.directory),
        sibling.facts.modifiedSeconds >= found.facts.modifiedSeconds
      else { continue }
      coding = candidate
      return sibling
    }
    return nil
  }

  /// Sends a head and then, unless the method is HEAD, parts of a file.
  private func sendParts(
    _ file: consuming FileDescriptor, _ parts: [FileBody.Part], _ status: Int,
    _ phrase: StaticString, count: Int64, _ describe: (inout ResponseHead) -> Void
  ) {
    let hidesBody = request.head.method == .head
    let framing = hidesBody ? OutputFraming.none : .length(UInt64(count))
    guard
      sendOwnHead(
        from: hidesBody || count == 0 ? .given : .file, status, phrase, framing,
        {
          describe(&$0)
          if hidesBody { $0.add("Content-Length", decimal: UInt64(count)) }
        })
    else { return }
    if hidesBody || count == 0 { return endIfDone() }
    fileBody.begin(file, parts)
    sendFile()
  }
}

extension ResponseHead {
  /// What an answer says of a file whether it sends it or not (RFC 9110 §15.4.5).
  fileprivate mutating func describe(
    _ facts: FileFacts, _ validators: Validators, _ coding: ContentCoding,
    _ settings: FileSettings
  ) {
    add("ETag", validators.tag.span)
    if let modified = validators.modified {
      var date: [UInt8] = []
      HTTPDate.format(modified, into: &date)
      add("Last-Modified", date.span)
    }
    if coding != .identity { add("Content-Encoding", coding.name) }
    if !settings.precompressed.isEmpty { add("Vary", "Accept-Encoding") }
    if let cacheControl = settings.cacheControl { add("Cache-Control", cacheControl.span) }
  }
}

extension FileFacts {
  /// Whether the time of the last change says something of the content.
  ///
  /// Files of reproducible builds and of packages all bear one fixed time long ago: 0 or 1 since 1970,
  /// the first day of 1980 (zip), some day of 1985 (npm).
  private var hasTime: Bool { modifiedSeconds >= Self.firstSecondOfThe1990s }
  private static let firstSecondOfThe1990s: Int64 = 631_152_000

  /// The tag has the time of the last change to the nanosecond, the length and the coding.
  ///
  /// Where that time says nothing, it has the time at which the file came here.
  func validators(_ coding: ContentCoding) -> Validators {
    var tag: [UInt8] = [UInt8(ascii: "\"")]
    if hasTime {
      tag.append(hexadecimal: modifiedSeconds &* 1_000_000_000 &+ modifiedNanoseconds)
    } else {
      tag.append(UInt8(ascii: "c"))
      tag.append(hexadecimal: changedNanoseconds)
    }
    tag.append(UInt8(ascii: "-"))
    tag.append(hexadecimal: bytesCount)
    if coding != .identity {
      tag.append(UInt8(ascii: "-"))
      tag.append(coding.name)
    }
    tag.append(UInt8(ascii: "\""))
    return Validators(tag: tag, modified: hasTime ? modifiedSeconds : nil)
  }
}

extension [UInt8] {
  fileprivate mutating func append(hexadecimal value: Int64) {
    let bits = UInt64(bitPattern: value)
    var shift = bits == 0 ? 0 : (63 - bits.leadingZeroBitCount) / 4 * 4
    while shift >= 0 {
      append(ASCII.digit(UInt8(truncatingIfNeeded: bits >> UInt64(shift)) & 15))
      shift -= 4
    }
  }
}
