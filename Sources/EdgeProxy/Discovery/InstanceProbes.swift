internal import EventLoop
internal import Glibc

/// Bare connects that find out whether an instance that may be gone still listens.
///
/// Only a refusal is news: what answers is there, and what does not answer may be behind a network that
/// is broken for a moment.
final class InstanceProbes {
  private let loop: EventLoop
  private let refused: (InstanceRegistry.ProbeTarget) -> Void
  private var waiting: [InstanceRegistry.ProbeTarget] = []
  private var known: Set<InstanceRegistry.ProbeTarget> = []
  private var running: [InstanceProbe] = []

  static let timeout = Duration.seconds(1)
  static let runningMax = 64
  static let waitingMax = 50_000

  init(loop: EventLoop, refused: @escaping (InstanceRegistry.ProbeTarget) -> Void) {
    self.loop = loop
    self.refused = refused
  }

  func ask(_ targets: [InstanceRegistry.ProbeTarget]) {
    for target in targets where known.count < Self.waitingMax && known.insert(target).inserted {
      waiting.append(target)
    }
    startNext()
  }

  private func startNext() {
    while running.count < Self.runningMax, let target = waiting.popLast() {
      let probe = InstanceProbe(target, loop: loop, probes: self)
      running.append(probe)
      probe.start()
    }
  }

  func close() {
    waiting = []
    for probe in running { probe.cancel() }
    running = []
  }

  fileprivate func finished(_ probe: InstanceProbe, isRefused: Bool) {
    running.removeAll { $0 === probe }
    known.remove(probe.target)
    if isRefused { refused(probe.target) }
    startNext()
  }
}

/// One connect.
private final class InstanceProbe: EventSource, TimerTarget {
  let target: InstanceRegistry.ProbeTarget
  private let loop: EventLoop
  private unowned let probes: InstanceProbes
  private var descriptor: FileDescriptor?
  private var raw: Int32 = -1
  private var token = SourceToken.none
  private var timer = TimerToken.none

  init(_ target: InstanceRegistry.ProbeTarget, loop: EventLoop, probes: InstanceProbes) {
    self.target = target
    self.loop = loop
    self.probes = probes
  }

  /// The result never comes before the next turn.
  func start() {
    timer = loop.arm(self, after: InstanceProbes.timeout)
    do throws(SystemError) {
      let socket = try Socket.connect(target.address)
      raw = socket.raw
      descriptor = consume socket
      token = try loop.register(raw, self, [.writable])
    } catch {
      loop.cancel(timer)
      failure = error.code
      timer = loop.arm(self, after: .zero)
    }
  }

  /// What connecting failed with at once; 0 for nothing.
  private var failure: Int32 = 0

  func ready(_ events: Readiness) { finish(Socket.pendingError(raw)) }

  func timerFired(_ token: TimerToken) {
    timer = .none
    finish(failure)
  }

  private func finish(_ code: Int32) {
    cancel()
    probes.finished(self, isRefused: code == ECONNREFUSED || code == ENOENT)
  }

  func cancel() {
    loop.cancel(timer)
    timer = .none
    loop.forget(token)
    token = .none
    descriptor = nil
  }
}
