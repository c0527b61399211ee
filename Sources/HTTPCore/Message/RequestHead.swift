/// How a request's body is delimited, RFC 9112 §6.3.
package enum BodyFraming: Equatable, Sendable {
  case none
  case length(UInt64)
  case chunked
}

/// A request head, understood and owned: it outlives the buffer that it was parsed from.
///
/// It is used again for later requests (`reset`), so that parsing one allocates nothing.
package struct RequestHead: ~Copyable {
  /// The head as received, up to and including its empty line; ranges refer to these bytes.
  package internal(set) var bytes: [UInt8] = []
  package internal(set) var fields: [HeaderField] = []
  package internal(set) var method = Method.other
  package internal(set) var methodBytes = ByteRange.empty
  /// 2 where the request came over HTTP/2; `versionMinor` is 1 then, for all that is the same.
  package internal(set) var versionMajor = 1
  package internal(set) var versionMinor = 1
  /// The whole target as sent.
  package internal(set) var target = ByteRange.empty
  /// The path of the target as sent; `/` is implied where it is empty.
  package internal(set) var path = ByteRange.empty
  /// What follows `?`; `nil` where there is none.
  package internal(set) var query: ByteRange?
  /// The one form of the path for routing and for PATH_INFO; see `RequestTarget.decode`.
  package internal(set) var decodedPath: [UInt8] = []
  /// Another server may read the path as sent otherwise, see `PathReading`.
  package internal(set) var isPathAmbiguous = false
  /// Lower case, no port, no last dot; empty where the request names no host.
  package internal(set) var host: [UInt8] = []
  package internal(set) var hostPort: UInt16?
  /// The host could be a DNS name or an address; no route is for any other.
  package internal(set) var hostIsName = true
  /// The authority as sent, port included.
  package internal(set) var authority = ByteRange.empty
  package internal(set) var framing = BodyFraming.none
  package internal(set) var keepAlive = true
  package internal(set) var expectsContinue = false
  /// The fields of this message that `Connection` names.
  var nominations = Nominations()
  /// A CONNECT of HTTP/2 that asks for the WebSocket protocol (RFC 8441), in the form of a GET.
  package internal(set) var isExtendedConnect = false
  /// Another server of the fleet asks for a pipe to an instance here; there is no target.
  package internal(set) var isPipe = false
  var hostFieldSeen = false
  /// There is a `traceparent` or a `tracestate`.
  package internal(set) var namesTrace = false

  package init() {}

  /// What the head takes of the process's memory.
  package var memoryBytes: Int {
    bytes.capacity + decodedPath.capacity + fields.capacity * MemoryLayout<HeaderField>.stride
  }

  /// Forgets the message; small storage is kept.
  package mutating func reset() {
    if bytes.capacity > 4096 { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
    fields.removeAll(keepingCapacity: true)
    method = .other
    methodBytes = .empty
    versionMajor = 1
    versionMinor = 1
    target = .empty
    path = .empty
    query = nil
    decodedPath.removeAll(keepingCapacity: decodedPath.capacity <= 4096)
    isPathAmbiguous = false
    host.removeAll(keepingCapacity: true)
    hostPort = nil
    hostIsName = true
    authority = .empty
    framing = .none
    keepAlive = true
    expectsContinue = false
    if !nominations.isEmpty { nominations.removeAll() }
    isExtendedConnect = false
    isPipe = false
    hostFieldSeen = false
    namesTrace = false
  }

  /// The bytes of a part of the head; none where the head never became complete.
  @_lifetime(borrow self)
  package func span(_ part: ByteRange) -> Span<UInt8> {
    let range = part.range
    return bytes.span.extracting(range.upperBound <= bytes.count ? range : 0..<0)
  }

  /// The value of the first field of that name.
  package func first(_ name: FieldName) -> ByteRange? {
    for field in fields where field.known == name { return field.value }
    return nil
  }

  /// Whether the client names `application/json` among what it accepts.
  package var acceptsJSON: Bool {
    for field in fields where field.known == .accept {
      let value = span(field.value)
      let wanted: StaticString = "application/json"
      let count = wanted.utf8CodeUnitCount
      var start = 0
      while start + count <= value.count {
        if ASCII.equals(value.extracting(start..<(start + count)), wanted) { return true }
        start += 1
      }
    }
    return false
  }

  /// Whether `Connection` names the field, RFC 9110 §7.6.1.
  func nominates(_ field: HeaderField) -> Bool { nominations.contain(field, bytes) }
}

/// The elements of a comma-separated list, RFC 9110 §5.6.1.
struct ListTokens {
  /// Whether the fields of that name have an element `word`, which is given in lower case.
  static func contain(
    _ word: StaticString, _ name: FieldName, of fields: [HeaderField],
    in bytes: borrowing Span<UInt8>
  ) -> Bool {
    for field in fields where field.known == name {
      var tokens = ListTokens(field.value)
      while let token = tokens.next(bytes) {
        if ASCII.equals(bytes.extracting(token.range), word) { return true }
      }
    }
    return false
  }

  /// The one element of a list; `nil` where it has none or several.
  static func only(of value: borrowing Span<UInt8>) -> ByteRange? {
    var tokens = ListTokens(ByteRange(start: 0, count: value.count))
    guard let token = tokens.next(value), tokens.next(value) == nil else { return nil }
    return token
  }

  private var position: Int
  private let end: Int

  init(_ value: ByteRange) {
    position = Int(value.start)
    end = Int(value.start) + Int(value.count)
  }

  /// The next element without the white space around it; empty ones are passed over.
  mutating func next(_ bytes: borrowing Span<UInt8>) -> ByteRange? {
    while position < end {
      var start = position
      var stop = start
      while stop < end, bytes[stop] != UInt8(ascii: ",") { stop += 1 }
      position = stop + 1
      while start < stop, ASCII.isBlank(bytes[start]) { start += 1 }
      while stop > start, ASCII.isBlank(bytes[stop - 1]) { stop -= 1 }
      if stop > start { return ByteRange(start: start, count: stop - start) }
    }
    return nil
  }
}
