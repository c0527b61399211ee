/// The variables of a request, as WSGI applications behind mod_proxy_uwsgi and nginx know them.
///
/// A client's field becomes `HTTP_…` or nothing: the server's own variables (`UWSGI_FILE` loads
/// code) cannot be named from outside. Names with `_` are dropped, because `X_Y` and `X-Y` become
/// the same variable; so is `Proxy` (httpoxy), everything for one hop, and everything that only a
/// proxy may say.
extension UWSGIPacket {
  package mutating func encode(
    _ head: borrowing RequestHead, facts: borrowing ForwardedFacts
  ) throws(HTTPError) {
    begin()
    addRequestLine(head, facts)
    addConnection(head, facts)
    addFields(head, facts)
    addForwarded(head, facts)
    try finish(modifier1: facts.modifier1, modifier2: facts.modifier2)
  }

  private mutating func addRequestLine(
    _ head: borrowing RequestHead, _ facts: borrowing ForwardedFacts
  ) {
    add("REQUEST_METHOD", head.span(head.methodBytes))
    addRequestURI(head)
    if let change = facts.change, head.decodedPath.first == UInt8(ascii: "/") {
      addPath(head, change)
    } else {
      add("PATH_INFO", head.decodedPath.span)
      add("SCRIPT_NAME", "")
    }
    if let query = head.query {
      add("QUERY_STRING", head.span(query))
    } else {
      add("QUERY_STRING", "")
    }
    // uWSGI repeats this in its status line; applications expect the version they were written for.
    add("SERVER_PROTOCOL", "HTTP/1.1")
  }

  /// The target as it was received; PATH_INFO is the form of its path that it was routed by.
  ///
  /// nginx and its `uwsgi_params` have the same two.
  private mutating func addRequestURI(_ head: borrowing RequestHead) {
    openKey(prefix: "REQUEST_URI")
    closeKey()
    if head.path.isEmpty { append("/") }
    append(head.span(head.path))
    if let query = head.query {
      append("?")
      append(head.span(query))
    }
    closeValue()
  }

  /// What was taken off is where the application is mounted, PEP 3333; PATH_INFO may then be empty.
  private mutating func addPath(_ head: borrowing RequestHead, _ change: PathChange) {
    openKey(prefix: "PATH_INFO")
    closeKey()
    let (strip, front) = (change.strip, change.add)
    append(front.span)
    append(head.decodedRest(behind: strip))
    closeValue()
    add("SCRIPT_NAME", strip.span)
  }

  private mutating func addConnection(
    _ head: borrowing RequestHead, _ facts: borrowing ForwardedFacts
  ) {
    add("SERVER_NAME", head.host.span)
    add("SERVER_PORT", decimal: facts.serverPort)
    add("SERVER_ADDR", facts.serverAddress.span)
    add("REMOTE_ADDR", facts.remoteAddress.span)
    if facts.remotePort > 0 { add("REMOTE_PORT", decimal: facts.remotePort) }
    add("REQUEST_SCHEME", facts.isTLS ? "https" : "http")
    if facts.isTLS { add("HTTPS", "on") }
    if !facts.user.isEmpty { add("REMOTE_USER", facts.user.span) }
    if let certificate = facts.clientCertificate { addCertificate(certificate) }
    if let type = head.first(.contentType) { add("CONTENT_TYPE", head.span(type)) }
    if let length = facts.bodyLength { add("CONTENT_LENGTH", decimal: length) }
  }

  private mutating func addFields(
    _ head: borrowing RequestHead, _ facts: borrowing ForwardedFacts
  ) {
    for index in head.fields.indices {
      let field = head.fields[index]
      // Connection cannot take away the name that the request was routed by.
      guard field.known == .host || head.forwards(field), field.known != .contentType,
        !isRepeated(head, index)
      else { continue }
      openKey(prefix: "HTTP_")
      appendKey(folding: head.span(field.name))
      closeKey()
      append(head.span(field.value))
      appendRepeats(head, of: index)
      closeValue()
    }
    if facts.asksForWebSocket {
      // Taken out as fields of one hop; this hop asks the next one for the same.
      add("HTTP_UPGRADE", "websocket")
      add("HTTP_CONNECTION", "Upgrade")
      if !facts.webSocketKey.isEmpty { add("HTTP_SEC_WEBSOCKET_KEY", facts.webSocketKey.span) }
    }
    // A target in absolute form names the host instead of the field.
    if !head.hostFieldSeen, !head.authority.isEmpty {
      add("HTTP_HOST", head.span(head.authority))
    }
  }

  /// Ours, or from a trusted proxy; whatever a client says, it is nobody's proxy.
  private mutating func addForwarded(
    _ head: borrowing RequestHead, _ facts: borrowing ForwardedFacts
  ) {
    if facts.forwardedFor.isEmpty {
      add("HTTP_X_FORWARDED_FOR", facts.remoteAddress.span)
    } else {
      add("HTTP_X_FORWARDED_FOR", facts.forwardedFor.span)
    }
    add("HTTP_X_FORWARDED_PROTO", facts.isTLS ? "https" : "http")
    if facts.forwardedHost.isEmpty {
      add("HTTP_X_FORWARDED_HOST", head.span(head.authority))
    } else {
      add("HTTP_X_FORWARDED_HOST", facts.forwardedHost.span)
    }
    if !facts.forwardedPrefix.isEmpty {
      add("HTTP_X_FORWARDED_PREFIX", facts.forwardedPrefix.span)
    }
    add("HTTP_X_REQUEST_ID", facts.requestID.span)
    // uWSGI takes the last of UWSGI_SCHEME and HTTP_X_FORWARDED_PROTO for wsgi.url_scheme.
    add("UWSGI_SCHEME", facts.isTLS ? "https" : "http")
    guard !facts.forwardedMethod.isEmpty else { return }
    add("HTTP_X_FORWARDED_METHOD", facts.forwardedMethod.span)
    add("HTTP_X_FORWARDED_URI", facts.forwardedURI.span)
  }

  /// Whether a field of this name came before, which then has this value too.
  private func isRepeated(_ head: borrowing RequestHead, _ index: Int) -> Bool {
    let field = head.fields[index]
    for earlier in 0..<index where head.fields[earlier].hasSameName(as: field, in: head.bytes) {
      return true
    }
    return false
  }

  /// Values of later fields of the same name: `; ` between cookies, `, ` between all others.
  private mutating func appendRepeats(_ head: borrowing RequestHead, of index: Int) {
    let first = head.fields[index]
    for later in (index + 1)..<max(index + 1, head.fields.count)
    where head.fields[later].hasSameName(as: first, in: head.bytes) {
      append(first.known == .cookie ? "; " : ", ")
      append(head.span(head.fields[later].value))
    }
  }
}
