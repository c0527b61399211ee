/// What a connection of HTTP/1.1 does when its time is over, and when its server sends clients away.
extension HTTP1Driver {
  func drain() {
    closeAfterAnswer = true
    // A request may be on its way: one that comes now is answered, and told that it was the last.
    if isIdle { connection.wait(.farewell) }
  }

  func timedOut(_ waiting: Connection.Waiting) {
    switch waiting {
    case .head where parser.hasBegun: refuse(.headTimeout)
    case .head: abort()
    case .body: refuse(.bodyTimeout)
    case .send:
      exchange?.note(cause: "client-stalled")
      abort(reset: true)
    case .nothing, .handshake, .keepAlive, .farewell, .linger: finish()
    }
  }
}
