/// What the bytes of a connection mean: the protocol that the handshake settled on.
enum ConnectionDriver {
  case http1(HTTP1Driver)
  case http2(HTTP2Driver)

  /// HTTP/2 can say it at any time, HTTP/1.1 with an answer or by an end between two.
  var canBeSentAway: Bool {
    switch self {
    case .http1(let driver): driver.isIdle
    case .http2: true
    }
  }

  func readable() {
    switch self {
    case .http1(let driver): driver.readable()
    case .http2(let driver): driver.readable()
    }
  }

  func writable() {
    switch self {
    case .http1(let driver): driver.writable()
    case .http2(let driver): driver.writable()
    }
  }

  /// The connection is closing; whatever goes on here ends.
  func dropped() {
    switch self {
    case .http1(let driver): driver.dropped()
    case .http2(let driver): driver.dropped()
    }
  }

  /// No further request is welcome.
  func drain() {
    switch self {
    case .http1(let driver): driver.drain()
    case .http2(let driver): driver.drain()
    }
  }

  /// A time that the connection was told to wait has passed.
  func timedOut(_ waiting: Connection.Waiting) {
    switch self {
    case .http1(let driver): driver.timedOut(waiting)
    case .http2(let driver): driver.timedOut(waiting)
    }
  }
}

extension Connection {
  /// Whether the client can be told now that it should go elsewhere.
  var canBeSentAway: Bool { isOpen && driver?.canBeSentAway ?? false }

  /// No further request is welcome: an idle connection closes, a busy one after its answer.
  func drain() { if isOpen { driver?.drain() } }

  /// Ends tunnels for a reason of ours; anything else is left alone.
  func cutTunnels(_ cause: StaticString) {
    tunnel?.cut(cause)
    if case .http2(let driver) = driver { driver.cutTunnels(cause) }
  }
}
