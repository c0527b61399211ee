internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import Logging

/// Where administrators connect: a unix socket or a loopback port on the control thread.
///
/// It is a convenience: one that cannot be opened is a warning, and tried again.
final class AdminListener: EventSource {
  /// For the request, and for each moment in which the peer takes nothing of the answer.
  static let timeout = Duration.seconds(5)
  /// For the whole answer.
  static let answerTimeout = Duration.seconds(30)
  /// For work that an answer needs.
  static let workTimeout = Duration.seconds(50)
  /// Connections at a time; a newcomer takes the place of one that has not asked yet.
  static let connectionsMax = 16
  /// Accepted in one turn of the loop.
  private static let acceptsPerTurnMax = 16

  private let loop: EventLoop
  private let logger: Logger
  let desk: AdminDesk
  private let warnings: Warnings
  let address: SocketAddress
  private var socket: AdminSocket?
  /// The descriptor of `socket`, -1 while there is none.
  private var raw: Int32 = -1
  private var token = SourceToken.none
  private var connections: [AdminConnection] = []
  private var clock = WallClock()

  init(
    _ address: SocketAddress, loop: EventLoop, logger: Logger, warnings: Warnings = Warnings(),
    desk: AdminDesk
  ) {
    self.warnings = warnings
    self.address = address
    self.loop = loop
    self.logger = logger
    self.desk = desk
  }

  /// What its warning goes by.
  private var fault: String { "listen admin \(address)" }

  /// Nobody is connected.
  var isIdle: Bool { connections.isEmpty }

  /// Opens the socket unless it is open.
  func open() {
    guard raw < 0 else { return }
    do throws(SystemError) {
      let bound = try AdminSocket(address)
      token = try loop.register(bound.raw, self, [.readable])
      logger.info("administration", metadata: ["address": "\(bound.address)"])
      raw = bound.raw
      socket = consume bound
      warnings.clear(fault)
    } catch {
      guard
        warnings.raise(
          fault, "no administration at \(address): \(error)",
          advice: "'listen.admin' needs a directory that this user can write to, and no other"
            + " server there")
      else { return }
      logger.warning(
        "no administration",
        metadata: ["address": "\(address)", "error": "\(error)"])
    }
  }

  /// Takes the socket and its file away, and ends all connections.
  func close() {
    release()
    for connection in connections { connection.close() }
  }

  /// Takes the socket and its file away; requests that have come in are still answered.
  func release() {
    letGo()
    warnings.clear(fault)
  }

  private func letGo() {
    if raw >= 0 { loop.unregister(raw, token) }
    raw = -1
    token = .none
    socket = nil
    // Pages would stay for ever; they come back where they find a listener.
    for connection in connections where connection.isTelling { connection.close() }
  }

  func ready(_ events: Readiness) {
    for _ in 0..<Self.acceptsPerTurnMax {
      do throws(SystemError) {
        guard let accepted = try Socket.accept(raw) else { return }
        try add(accepted)
      } catch {
        // Out of descriptors: the beat opens it again when there may be some.
        logger.warning("administration paused", metadata: ["error": "\(error)"])
        return letGo()
      }
    }
  }

  private func add(_ descriptor: consuming FileDescriptor) throws(SystemError) {
    if connections.count >= Self.connectionsMax {
      guard let silent = connections.first(where: \.isReading) else { return }
      silent.close()
    }
    let connection = AdminConnection(
      descriptor, isUnix: address.family == .unix, listener: self, loop: loop)
    try connection.start()
    connections.append(connection)
  }

  func closed(_ connection: AdminConnection) {
    connections.removeAll { $0 === connection }
  }

  /// The time as an HTTP date.
  func date() -> [UInt8] {
    clock.update(loop.now)
    return clock.date
  }
}

@available(*, unavailable) extension AdminListener: Sendable {}
