internal import ACME
internal import EventLoop
internal import HTTPCore
internal import Logging
internal import TLS

/// What a worker logs about things that went wrong.
extension Worker {
  func handshakeFailed(_ connection: Connection, _ error: TLSError) {
    // Probes of other servers and of monitors only connect: they began no handshake.
    guard connection.stream?.hasReceived ?? false else { return }
    counters.handshakesFailed.add()
    let client = String(decoding: connection.client.text, as: UTF8.self)
    guard let refusal = connection.stream?.refusal else {
      return logger.debug(
        "handshake failed", metadata: ["client": "\(client)", "error": "\(error)"])
    }
    var metadata: Logger.Metadata = ["client": "\(client)"]
    switch refusal {
    case .unknownName(let name), .noChallenge(let name): metadata["server_name"] = Self.shown(name)
    case .noClientCertificate, .clientCertificate:
      metadata["server_name"] = Self.shown(connection.stream?.serverName ?? [])
      if case .clientCertificate(let refused) = refusal, !refused.subject.isEmpty {
        metadata["subject"] = Self.shown(refused.subject)
      }
    case .noName, .malformedName, .notTLS: break
    }
    // Strangers ask for anything, as often as they like: of each kind one line in a while is enough.
    guard let times = troubles.happened(refusal.told, every: Self.tellPeriod, now: loop.now) else {
      return logger.debug("\(refusal.told)", metadata: metadata)
    }
    metadata["times"] = "\(times)"
    logger.info("\(refusal.told)", metadata: metadata)
  }

  /// A CA has been shown what answers a tls-alpn-01 challenge: nothing follows, RFC 8737 §3.
  func challengeShown(_ connection: Connection) {
    connection.finish()
    counters.answered(.alpn)
    let told = "a CA was shown the certificate of a challenge"
    guard let times = troubles.happened(told, every: Self.tellPeriod, now: loop.now) else { return }
    logger.info(
      "\(told)",
      metadata: [
        "client": "\(String(decoding: connection.client.text, as: UTF8.self))",
        "server_name": Self.shown(connection.stream?.serverName ?? []), "times": "\(times)",
      ])
  }

  private static func shown(_ name: [UInt8]) -> Logger.MetadataValue {
    "\(String(decoding: name.prefix(serverNameBytesMax), as: UTF8.self))"
  }

  /// The longest name of a host; a longer one is cut in the log.
  private static let serverNameBytesMax = 253

  /// A load balancer sent no PROXY header, or one that cannot be understood.
  func announcementRefused(_ connection: Connection, _ error: ProxyHeaderError) {
    logger.info(
      "no usable PROXY header",
      metadata: [
        "source": "\(String(decoding: connection.client.text, as: UTF8.self))",
        "error": "\(error)",
      ])
  }

  /// The disk did not take a request's body, which may be the case for many.
  func bodyKeptInMemory(_ error: SystemError) {
    guard let times = troubles.happened("disk", every: Self.tellPeriod, now: loop.now) else {
      return
    }
    logger.warning(
      "bodies of requests are kept in memory",
      metadata: ["directory": "\(spoolDirectory)", "error": "\(error)", "times": "\(times)"])
  }

  /// Between two lines about the same.
  private static let tellPeriod = Duration.seconds(10)

  /// A system call failed, which it may do again and again: the line says how many times it has since
  /// the last one.
  func report(_ error: SystemError, while doing: String) {
    guard let times = troubles.happened(doing, every: Self.tellPeriod, now: loop.now) else {
      return
    }
    logger.error("\(doing) failed", metadata: ["error": "\(error)", "times": "\(times)"])
  }
}

extension TLSStream.Refusal {
  /// What happened, for the log.
  fileprivate var told: String {
    switch self {
    case .unknownName: "no certificate for the server name that a client asked for"
    case .noName: "no certificate for a client that names no server (certificates.default)"
    case .malformedName: "a client's server name cannot be read"
    case .noChallenge: "a CA looks for a tls-alpn-01 challenge that this server does not know"
    case .notTLS: "a client spoke no TLS where TLS is spoken"
    case .noClientCertificate: "a client showed no certificate, and its host asks for one"
    case .clientCertificate(let refused): "a client's certificate is refused: \(refused.reason)"
    }
  }
}
