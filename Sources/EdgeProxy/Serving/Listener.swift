internal import EventLoop
internal import TLS

/// The protocol of a listener.
enum ListenerKind: String, Sendable { case https, http, tcp, peers }

/// What every connection of a listener shares.
struct ListenerFacts {
  let kind: ListenerKind
  var isTLS: Bool { kind == .https || kind == .peers }
  /// The address as an application is told it.
  let address: [UInt8]
  let port: UInt16
}

/// A bound socket of one worker and the settings of what arrives on it.
final class Listener: EventSource, TimerTarget {
  /// Connections accepted in one turn, so that a flood cannot starve those that are open.
  private static let acceptsPerTurnMax = 64
  /// How long accepting pauses when the process is out of descriptors.
  private static let pause = Duration.milliseconds(100)

  /// The worker owns its listeners.
  private unowned let worker: Worker
  let address: SocketAddress
  private let facts: ListenerFacts
  var kind: ListenerKind { facts.kind }
  private let raw: Int32
  /// `nil` once it is closed.
  private var descriptor: FileDescriptor?
  private var token = SourceToken.none
  private var timer = TimerToken.none

  init(
    worker: Worker, address: SocketAddress, kind: ListenerKind,
    descriptor: consuming FileDescriptor
  ) {
    self.worker = worker
    self.address = address
    let bound = Socket.localAddress(descriptor.raw) ?? address
    facts = ListenerFacts(
      kind: kind, address: Array(bound.host.utf8), port: bound.port ?? 0)
    raw = descriptor.raw
    self.descriptor = consume descriptor
  }

  func start() throws(SystemError) {
    token = try worker.loop.register(raw, self, [.readable])
  }

  /// Takes what is in the queue, then refuses: the port is closed when this returns.
  ///
  /// The kernel resets what comes into the queue between the last accept and the end of the
  /// descriptor, so that end does not wait for the end of the turn.
  func close() {
    accept(max: Int.max)
    worker.loop.cancel(timer)
    worker.loop.unregister(raw, token)
    descriptor = nil
  }

  func ready(_ events: Readiness) { accept(max: Self.acceptsPerTurnMax) }

  func timerFired(_ token: TimerToken) {
    timer = .none
    do throws(SystemError) {
      try worker.loop.modify(raw, self.token, [.readable])
    } catch {
      worker.report(error, while: "accepting again")
    }
    accept(max: Self.acceptsPerTurnMax)
  }

  private func accept(max: Int) {
    var count = 0
    while count < max {
      count += 1
      do throws(SystemError) {
        guard let socket = try Socket.accept(raw) else { return }
        if kind == .tcp {
          worker.sessions.accept(socket, at: address)
        } else {
          worker.accepted(socket, facts)
        }
      } catch {
        return pauseAccepting(error)
      }
    }
  }

  /// Out of descriptors or memory: those in the queue wait, those that are open go on.
  private func pauseAccepting(_ error: SystemError) {
    worker.report(error, while: "accepting")
    worker.endLingering()
    guard timer == .none else { return }
    try? worker.loop.modify(raw, token, [])
    timer = worker.loop.arm(self, after: Self.pause)
  }
}

@available(*, unavailable) extension Listener: Sendable {}
