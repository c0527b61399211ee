/// What an answer says of the connection it came on.
extension ResponseHead {
  /// Whether the connection can carry another request, RFC 9112 §9.3.
  ///
  /// Only HTTP/1.1 is trusted with that: the keep-alive of HTTP/1.0 was never specified, and an
  /// answer of that version in a chunked coding has no framing to rely on (RFC 9112 §6.1).
  package var keepsConnection: Bool {
    ASCII.equalsExactly(span(ByteRange(start: 0, count: 8)), "HTTP/1.1")
      && !saysClose
  }

  /// Whether the node says that it closes the connection.
  package var saysClose: Bool {
    ListTokens.contain("close", .connection, of: fields, in: bytes.span)
  }

  /// Whether this is the agreement to go on in the WebSocket protocol, RFC 6455 §4.2.2.
  package var opensWebSocket: Bool {
    guard status == 101,
      ListTokens.contain("upgrade", .connection, of: fields, in: bytes.span)
    else { return false }
    var found = false
    for field in fields where field.known == .upgrade {
      guard !found, ASCII.equals(span(field.value), "websocket") else { return false }
      found = true
    }
    return found
  }

  /// Whether the answer has one Sec-WebSocket-Accept and it is `value`, RFC 6455 §4.1.
  package func accepts(_ value: borrowing Span<UInt8>) -> Bool {
    var found = false
    for field in fields where field.known == .secWebSocketAccept {
      guard !found, field.value.count == value.count else { return false }
      for offset in 0..<value.count where bytes[Int(field.value.start) + offset] != value[offset] {
        return false
      }
      found = true
    }
    return found
  }
}
