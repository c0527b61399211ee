internal import HTTPCore

/// What a check sends to a node, and what it wants to hear.
package struct CheckQuestion: Sendable, Equatable {
  package enum Wanted: Sendable, Equatable {
    /// A connection; nothing is sent.
    case connection
    /// uWSGI's answer to a PING.
    case pong
    /// A response head with one of these statuses.
    case head(ClosedRange<Int>)
    /// A MySQL server that takes sessions, for somebody of this name.
    case session(user: String)
  }

  package var bytes: [UInt8]
  package var wanted: Wanted
  /// The end of the connection is the end of the answer.
  package var endsConnection: Bool

  /// Bytes of ours come before those of the node.
  package var speaksFirst: Bool { !bytes.isEmpty }

  /// The answer to a PING: modifier 100, no variables, 1 for an answer.
  static let pong: [UInt8] = [100, 0, 0, 1]
  private static let ping: [UInt8] = [100, 0, 0, 0]

  /// The question of a check; `name` is that of the application, for requests without a `host`.
  package init(
    _ check: HealthCheck, spoken: UpstreamSettings.NodeProtocol, modifiers: (UInt8, UInt8),
    name: String
  ) {
    endsConnection = spoken == .uwsgi
    switch check.kind {
    case .tcp: (bytes, wanted) = ([], .connection)
    case .ping: (bytes, wanted) = (Self.ping, .pong)
    case .mysql: (bytes, wanted) = ([], .session(user: check.user))
    case .request:
      var head = RequestHead()
      // The configuration has seen to it that it can be parsed.
      _ = Self.parse(path: check.path, host: check.host ?? name, into: &head)
      bytes = Self.request(head, spoken: spoken, modifiers: modifiers)
      wanted = .head(check.statuses)
    }
  }

  /// What a node of an upstream without checks is asked when it has fallen silent.
  ///
  /// A connection would prove nothing: the kernel accepts for a frozen process. A PING is answered
  /// by uWSGI itself; over HTTP `OPTIONS *` is about the server and reaches no page, and whatever
  /// comes back will do.
  package init(suspectSpeaking spoken: UpstreamSettings.NodeProtocol) {
    endsConnection = spoken == .uwsgi
    guard spoken != .uwsgi else {
      (bytes, wanted) = (Self.ping, .pong)
      return
    }
    let fields = "Host: localhost\r\nUser-Agent: \(Self.agent)\r\nConnection: close\r\n"
    bytes = Array("OPTIONS * HTTP/1.1\r\n\(fields)\r\n".utf8)
    wanted = .head(100...999)
  }

  private static let agent = "edgeproxy-check"

  /// Makes the request's head; `false` where path or host can be in none.
  static func parse(path: String, host: String, into head: inout RequestHead) -> Bool {
    let text = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: \(agent)\r\n\r\n"
    let bytes = Array(text.utf8)
    var parser = RequestParser()
    let end = try? parser.parse(bytes.span, into: &head, limits: HeadLimits())
    return end == bytes.count
  }

  /// The application is told that a client came over TLS, else many answer only with a redirect.
  private static func request(
    _ head: borrowing RequestHead, spoken: UpstreamSettings.NodeProtocol,
    modifiers: (UInt8, UInt8)
  ) -> [UInt8] {
    var facts = ForwardedFacts()
    facts.remoteAddress = Array("127.0.0.1".utf8)
    facts.serverAddress = facts.remoteAddress
    facts.serverPort = 443
    facts.requestID = Array(agent.utf8)
    (facts.modifier1, facts.modifier2) = modifiers
    var bytes: [UInt8] = []
    if spoken == .uwsgi {
      var packet = UWSGIPacket()
      // A path is at most 4 KiB, so the block fits.
      guard (try? packet.encode(head, facts: facts)) != nil else { return [] }
      bytes.append(copying: packet.bytes)
    } else {
      var message = HTTP1Request()
      message.encode(head, facts: facts, closing: true)
      bytes.append(copying: message.bytes)
    }
    return bytes
  }
}
