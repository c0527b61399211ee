/// Makes a request head of HTTP/2's fields, RFC 9113 §8.1 to §8.3.
///
/// What comes out looks like a head of HTTP/1.1 to everybody behind it: one Host, one Cookie, no
/// field for one hop. A malformed request only has its stream reset. With an `error` the request is
/// understood, refused and answered.
package struct RequestFields: ~Copyable {
  package var head = RequestHead()
  package private(set) var error: HTTPError?
  package private(set) var isMalformed = false
  /// So far above the limits that reading on to answer politely is too much.
  package private(set) var isExcessive = false
  /// The section is a trailer: its fields are checked and counted, then dropped.
  private(set) var isTrailer = false

  private let limits: HeadLimits
  private let takesPipes: Bool
  private var count = 0
  private var bytes = 0
  private var scheme = ByteRange.empty
  /// `:protocol`, RFC 8441 §4.
  private var connectProtocol = ByteRange.empty
  private var length: UInt64?
  /// A field that is no pseudo-header field has come; it need not be among the head's.
  private var hasRegular = false
  /// Host, which comes to be among the head's fields when it is settled what it says.
  private var hostField: HeaderField?
  /// A Cookie field has come.
  private var hasCookie = false
  /// Values of Cookie behind the first; they become part of that one.
  private var crumbs: [ByteRange] = []

  /// With `takesPipes` the protocol of pipes between servers is one that can be asked for.
  package init(_ limits: HeadLimits, takesPipes: Bool = false) {
    self.limits = limits
    self.takesPipes = takesPipes
  }

  /// Forgets the section before.
  package mutating func begin(isTrailer: Bool) {
    if !isTrailer { head.reset() }
    self.isTrailer = isTrailer
    error = nil
    isMalformed = false
    isExcessive = false
    count = 0
    bytes = 0
    scheme = .empty
    connectProtocol = .empty
    length = nil
    hasRegular = false
    hostField = nil
    hasCookie = false
    crumbs.removeAll(keepingCapacity: true)
  }

  /// What the library found unacceptable before it came here.
  mutating func refuse() { isMalformed = true }

  package mutating func add(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>
  ) {
    // As many bytes as the field would have in HTTP/1.1, so that one limit serves both. Crumbs of a
    // Cookie are one field there, RFC 9113 §8.2.3.
    if hasCookie, ASCII.equalsExactly(name, "cookie") {
      bytes += value.count + 2
    } else {
      bytes += name.count + value.count + 4
      count += 1
    }
    guard bytes <= limits.headBytes, count <= limits.fields + pseudoFields else {
      isExcessive =
        bytes > limits.headBytes * FixedLimits.headExcess
        || count > limits.fields * FixedLimits.headExcess
      if error == nil {
        error =
          bytes > limits.headBytes
          ? .headTooLarge(limit: limits.headBytes) : .tooManyFields(limit: limits.fields)
      }
      return
    }
    guard !isMalformed else { return }
    if name.count > 0, name[0] == UInt8(ascii: ":") {
      addPseudo(name, value)
    } else {
      addRegular(name, value)
    }
  }

  /// `:method`, `:scheme`, `:path` and `:authority`; and `:protocol`, where there is one.
  private var pseudoFields: Int { connectProtocol.isEmpty ? 4 : 5 }

  // MARK: Pseudo-header fields, RFC 9113 §8.3

  private mutating func addPseudo(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>
  ) {
    guard !isTrailer, !hasRegular, value.count > 0 else { return refuse() }
    switch name.count {
    case 7 where ASCII.equalsExactly(name, ":method"):
      for index in 0..<value.count where !ASCII.isToken(value[index]) { return refuse() }
      guard head.methodBytes.isEmpty else { return refuse() }
      if value.count > FixedLimits.methodBytes {
        note(.methodTooLong(limit: FixedLimits.methodBytes))
      }
      head.methodBytes = keep(value)
      head.method = Method(value)
    case 5 where ASCII.equalsExactly(name, ":path"):
      for index in 0..<value.count where !ASCII.isTarget(value[index]) { return refuse() }
      guard head.target.isEmpty else { return refuse() }
      head.target = keep(value)
    case 7 where ASCII.equalsExactly(name, ":scheme"):
      guard scheme.isEmpty, Self.isClean(value) else { return refuse() }
      scheme = keep(value)
    case 9 where ASCII.equalsExactly(name, ":protocol"):
      guard connectProtocol.isEmpty, Self.isClean(value) else { return refuse() }
      connectProtocol = keep(value)
    case 10 where ASCII.equalsExactly(name, ":authority"):
      guard head.authority.isEmpty, Self.isClean(value) else { return refuse() }
      head.authority = keep(value)
    default: refuse()
    }
  }

  // MARK: Fields, RFC 9113 §8.2

  private mutating func addRegular(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>
  ) {
    hasRegular = true
    guard name.count > 0, Self.isClean(value) else { return refuse() }
    for index in 0..<name.count where !Self.isNameByte(name[index]) { return refuse() }
    let known = FieldName(name)
    switch known {
    case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: return refuse()
    case .te where !ASCII.equals(value, "trailers"): return refuse()
    default: break
    }
    guard !isTrailer else { return }
    switch known {
    case .host:
      guard hostField == nil else { return refuse() }
      hostField = HeaderField(
        name: keep(name), value: keep(value), known: known, spelled: name)
    case .cookie where hasCookie: crumbs.append(keep(value))
    default:
      if known == .cookie { hasCookie = true }
      let field = HeaderField(
        name: keep(name), value: keep(value), known: known, spelled: name)
      interpret(field, value)
      head.fields.append(field)
    }
  }

  private mutating func interpret(_ field: HeaderField, _ value: borrowing Span<UInt8>) {
    switch field.known {
    case .contentLength:
      guard length == nil else { return refuse() }
      do throws(HTTPError) {
        length = try FieldParser.contentLength(head.bytes.span, field.value)
      } catch {
        refuse()
      }
    case .expect:
      if ASCII.equals(value, "100-continue") {
        head.expectsContinue = true
      } else {
        note(.expectationUnsupported)
      }
    case .traceparent, .tracestate: head.namesTrace = true
    default: break
    }
  }

  private mutating func keep(_ part: borrowing Span<UInt8>) -> ByteRange {
    let start = head.bytes.count
    head.bytes.append(copying: part)
    return ByteRange(start: start, count: part.count)
  }

  private mutating func note(_ error: HTTPError) {
    if self.error == nil { self.error = error }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    ASCII.isToken(byte) && byte &- 65 >= 26
  }

  /// No control bytes and no white space around, RFC 9113 §8.2.1.
  private static func isClean(_ value: borrowing Span<UInt8>) -> Bool {
    guard value.count > 0 else { return true }
    if ASCII.isBlank(value[0]) || ASCII.isBlank(value[value.count - 1]) { return false }
    for index in 0..<value.count where !ASCII.isFieldContent(value[index]) { return false }
    return true
  }

  // MARK: The whole head

  /// The section is complete; with `ended` no body follows.
  package mutating func finish(ended: Bool) {
    head.versionMajor = 2
    guard !isMalformed, !isTrailer else { return }
    guard settleMethod() else { return refuse() }
    // A head that was too long for us may lack anything.
    if error == nil { checkRequired() }
    guard !isMalformed, !head.isPipe else { return }
    if head.isExtendedConnect {
      settleUpgrade()
    } else if let length {
      if ended, length > 0 { return refuse() }
      head.framing = .length(length)
    } else {
      head.framing = ended ? .none : .chunked
    }
    do throws(HTTPError) {
      try settleHost()
      if error == nil { try settleTarget() }
    } catch {
      note(error)
    }
    joinCookies()
  }

  /// Only CONNECT has a protocol, and the only one that clients may use is WebSocket, RFC 8441 §4;
  /// `false` where the head is malformed.
  private mutating func settleMethod() -> Bool {
    guard head.method == .connect else { return connectProtocol.isEmpty }
    if connectProtocol.isEmpty {
      note(.methodUnsupported)
    } else if ASCII.equals(head.span(connectProtocol), "websocket") {
      head.isExtendedConnect = true
    } else if takesPipes, ASCII.equalsExactly(head.span(connectProtocol), PipeProtocol.name) {
      head.isPipe = true
    } else {
      note(.protocolUnsupported)
    }
    return true
  }

  /// Makes of an extended CONNECT the GET that it is in HTTP/1.1, RFC 8441 §5.
  ///
  /// What the client sends is no body. Its key means nothing here: the next hop gets one of ours.
  private mutating func settleUpgrade() {
    if length != nil { note(.contentLengthMalformed) }
    head.framing = .none
    head.method = .get
    head.methodBytes = keep("GET")
    head.fields.removeAll { $0.known == .secWebSocketKey }
    guard head.first(.secWebSocketVersion) == nil else { return }
    let (name, value) = (keep("sec-websocket-version"), keep("13"))
    head.fields.append(HeaderField(name: name, value: value, spelled: head.span(name)))
  }

  private mutating func keep(_ text: StaticString) -> ByteRange {
    let start = head.bytes.count
    head.bytes.append(text)
    return ByteRange(start: start, count: text.utf8CodeUnitCount)
  }

  private mutating func checkRequired() {
    let hasAuthority = !head.authority.isEmpty || hostField != nil
    guard !head.methodBytes.isEmpty, !head.target.isEmpty, hasAuthority, !scheme.isEmpty else {
      return refuse()
    }
    let first = head.bytes[Int(head.target.start)]
    let isAsterisk =
      head.target.count == 1 && first == UInt8(ascii: "*") && head.method == .options
    guard first == UInt8(ascii: "/") || isAsterisk else { return refuse() }
    let isKnown =
      ASCII.equals(head.span(scheme), "https") || ASCII.equals(head.span(scheme), "http")
    if !isKnown { note(.targetMalformed) }
  }

  /// `:authority` and Host name the same host or the request is refused, RFC 9113 §8.3.1.
  ///
  /// The code behind gets one Host.
  private mutating func settleHost() throws(HTTPError) {
    if let value = hostField?.value {
      guard parse(value) else { throw .hostMalformed }
      if head.authority.isEmpty {
        head.authority = value
      } else {
        let (host, port) = (head.host, head.hostPort)
        guard parse(head.authority) else { throw .hostMalformed }
        guard host == head.host, port == head.hostPort else {
          head.host = []
          throw .hostContradictsTarget
        }
      }
    } else {
      guard !head.authority.isEmpty else { return }
      guard parse(head.authority) else { throw .hostMalformed }
    }
    let name = hostField?.name ?? keep("host")
    head.fields.insert(
      HeaderField(name: name, value: head.authority, spelled: head.span(name)), at: 0)
    head.hostFieldSeen = true
  }

  /// Normalises a host; `false`, and no host, where it is malformed.
  private mutating func parse(_ authority: ByteRange) -> Bool {
    var host: [UInt8] = []
    var port: UInt16?
    var isName = true
    swap(&host, &head.host)
    let isGood = Authority.parse(
      head.span(authority), host: &host, port: &port, isName: &isName)
    if isGood { swap(&host, &head.host) }
    head.hostPort = port
    head.hostIsName = isName
    return isGood
  }

  private mutating func settleTarget() throws(HTTPError) {
    let target = head.target
    // `GET /path HTTP/2.0`, as the log has it.
    guard Int(head.methodBytes.count + target.count) + 10 <= limits.requestLineBytes else {
      throw .requestLineTooLong(limit: limits.requestLineBytes)
    }
    if head.bytes[Int(target.start)] == UInt8(ascii: "*") {
      head.path = target
      head.decodedPath = [UInt8(ascii: "*")]
      return
    }
    var end = Int(target.start)
    while end < target.range.upperBound, head.bytes[end] != UInt8(ascii: "?") { end += 1 }
    head.path = ByteRange(start: Int(target.start), count: end - Int(target.start))
    if end < target.range.upperBound {
      head.query = ByteRange(start: end + 1, count: target.range.upperBound - end - 1)
    }
    var decoded: [UInt8] = []
    swap(&decoded, &head.decodedPath)
    head.isPathAmbiguous = try RequestTarget.decode(head.span(head.path), into: &decoded)
    swap(&decoded, &head.decodedPath)
  }

  /// Cookie crumbs become one field again, RFC 9113 §8.2.3: the first, where it stands.
  private mutating func joinCookies() {
    guard !crumbs.isEmpty, let first = head.first(.cookie) else { return }
    let start = head.bytes.count
    keep(again: first)
    for crumb in crumbs {
      head.bytes.append("; ")
      keep(again: crumb)
    }
    let joined = ByteRange(start: start, count: head.bytes.count - start)
    for index in head.fields.indices where head.fields[index].known == .cookie {
      head.fields[index].value = joined
    }
  }

  private mutating func keep(again part: ByteRange) {
    for place in part.range { head.bytes.append(head.bytes[place]) }
  }
}
