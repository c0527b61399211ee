/// How a response's body is delimited, RFC 9112 §6.3.
package enum ResponseFraming: Equatable, Sendable {
  case none
  case length(UInt64)
  case chunked
  /// Chunks where the body begins with one, else everything up to the end of the connection.
  case perhapsChunked
  case untilClose
}

/// A response head from an application, understood and owned.
package struct ResponseHead: ~Copyable {
  /// The head as received, up to and including its empty line; ranges refer to these bytes.
  package internal(set) var bytes: [UInt8] = []
  package internal(set) var fields: [HeaderField] = []
  package internal(set) var status = 0
  package internal(set) var reason = ByteRange.empty
  package internal(set) var contentLength: UInt64?
  package internal(set) var isChunked = false
  /// What says that it is chunked need not be.
  var mayLackChunks = false
  /// The fields of this message that `Connection` names.
  var nominations = Nominations()

  package init() {}

  package mutating func reset() {
    if bytes.capacity > 4096 { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
    fields.removeAll(keepingCapacity: true)
    status = 0
    reason = .empty
    contentLength = nil
    isChunked = false
    mayLackChunks = false
    if !nominations.isEmpty { nominations.removeAll() }
  }

  @_lifetime(borrow self)
  package func span(_ part: ByteRange) -> Span<UInt8> {
    let range = part.range
    return bytes.span.extracting(range.upperBound <= bytes.count ? range : 0..<0)
  }

  /// The framing of the body that answers a request with `method`.
  package func bodyFraming(for method: Method) -> ResponseFraming {
    if method == .head || status < 200 || status == 204 || status == 304 { return .none }
    if isChunked { return mayLackChunks ? .perhapsChunked : .chunked }
    if let contentLength { return contentLength == 0 ? .none : .length(contentLength) }
    return .untilClose
  }

  /// Whether `Connection` names the field, RFC 9110 §7.6.1.
  func nominates(_ field: HeaderField) -> Bool { nominations.contain(field, bytes) }
}
