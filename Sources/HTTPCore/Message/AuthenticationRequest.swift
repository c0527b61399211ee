/// The question whether a request may go on, made from its head.
extension RequestHead {
  /// Becomes a GET of `path`, without a body, that says of `other` all that goes on to applications.
  ///
  /// What speaks of a body, of ranges or of what the client has already is left out: the answer is about
  /// this question, and its text is passed on as it is.
  package mutating func ask(_ path: [UInt8], about other: borrowing RequestHead) {
    reset()
    bytes = other.bytes
    for field in other.fields where other.forwards(field) && !other.isAboutBody(field) {
      fields.append(field)
    }
    method = .get
    methodBytes = append(Array("GET".utf8))
    target = append(path)
    let end = path.firstIndex(of: UInt8(ascii: "?")) ?? path.count
    self.path = ByteRange(start: Int(target.start), count: end)
    if end < path.count {
      query = ByteRange(start: Int(target.start) + end + 1, count: path.count - end - 1)
    }
    do throws(HTTPError) {
      _ = try RequestTarget.decode(path.span.extracting(0..<end), into: &decodedPath)
    } catch {
      decodedPath = Array(path[..<end])
    }
    versionMajor = other.versionMajor
    host = other.host
    hostPort = other.hostPort
    authority = other.authority
  }

  private mutating func append(_ text: [UInt8]) -> ByteRange {
    let start = bytes.count
    bytes += text
    return ByteRange(start: start, count: text.count)
  }

  private func isAboutBody(_ field: HeaderField) -> Bool {
    switch field.known {
    case .acceptEncoding, .digest, .idempotencyKey, .ifMatch, .ifModifiedSince, .ifNoneMatch,
      .ifRange, .ifUnmodifiedSince, .maxForwards, .range, .secWebSocketKey, .secWebSocketVersion:
      return true
    default:
      let name = span(field.name)
      return name.count > 8 && ASCII.equals(name.extracting(0..<8), "content-")
    }
  }
}

extension ResponseHead {
  /// Becomes the same as another head.
  package mutating func become(_ other: borrowing ResponseHead) {
    bytes = other.bytes
    fields = other.fields
    status = other.status
    reason = other.reason
    contentLength = other.contentLength
    isChunked = other.isChunked
    mayLackChunks = other.mayLackChunks
    nominations = other.nominations
  }

  /// Whether a field has this name, in any case.
  package func isNamed(_ field: HeaderField, _ name: [UInt8]) -> Bool {
    FieldRules.same(field.name, name, bytes)
  }
}
