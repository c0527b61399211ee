/// Which of a client's words reach an application, whatever it speaks.
extension RequestHead {
  /// Whether a field goes on to the next hop, RFC 9110 §7.6.
  ///
  /// Not what belongs to this hop or is named by `Connection`, nor what only a proxy may say, nor
  /// `Proxy` (httpoxy). Names with `_` are dropped too, because `X_Y` and `X-Y` become the same
  /// variable in every CGI-like interface. Content-Length and Host are written anew.
  func forwards(_ field: HeaderField) -> Bool {
    switch field.known {
    case .contentLength, .expect, .forwarded, .host, .proxy, .xForwarded, .xRealIP,
      .xRequestID:
      return false
    default:
      return !field.known.isHopByHop && !hasUnderscore(field.name) && !nominates(field)
    }
  }

  private func hasUnderscore(_ name: ByteRange) -> Bool {
    for index in name.range where bytes[index] == UInt8(ascii: "_") { return true }
    return false
  }

  /// Whether the client asks to go on in the WebSocket protocol, RFC 6455 §4.1.
  ///
  /// Every other protocol is not asked for further on: h2c past a proxy is a way around it. A
  /// request with a body is none of these, so that its body is never taken for the tunnel's bytes.
  package var asksForWebSocket: Bool {
    if isExtendedConnect { return true }
    guard !nominations.isEmpty, method == .get, versionMinor == 1, framing == .none else {
      return false
    }
    return ListTokens.contain("upgrade", .connection, of: fields, in: bytes.span)
      && ListTokens.contain("websocket", .upgrade, of: fields, in: bytes.span)
  }
}
