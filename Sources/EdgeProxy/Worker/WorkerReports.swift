internal import EventLoop
internal import HTTPCore
internal import Logging
internal import TLS

/// What a worker tells of things that went wrong.
extension Worker {
  func handshakeFailed(_ connection: Connection, _ error: TLSError) {
    counters.handshakesFailed.add()
    logger.debug(
      "handshake failed",
      metadata: [
        "client": "\(String(decoding: connection.peer.text, as: UTF8.self))",
        "error": "\(error)",
      ])
  }

  /// A load balancer did not say whose connection it is, or not in a way that can be understood.
  func announcementRefused(_ connection: Connection, _ error: ProxyHeaderError) {
    logger.info(
      "no usable PROXY header",
      metadata: [
        "source": "\(String(decoding: connection.peer.text, as: UTF8.self))",
        "error": "\(error)",
      ])
  }

  func report(_ error: SystemError, while doing: String) {
    logger.error("\(doing) failed", metadata: ["error": "\(error)"])
  }
}
