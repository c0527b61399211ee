internal import EventLoop
internal import HTTPCore
internal import Logging
internal import TLS

/// What a worker logs about things that went wrong.
extension Worker {
  func handshakeFailed(_ connection: Connection, _ error: TLSError) {
    counters.handshakesFailed.add()
    logger.debug(
      "handshake failed",
      metadata: [
        "client": "\(String(decoding: connection.client.text, as: UTF8.self))",
        "error": "\(error)",
      ])
  }

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
