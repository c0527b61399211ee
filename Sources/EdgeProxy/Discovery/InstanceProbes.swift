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
  private var running: [BareConnect] = []

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
      let connect = BareConnect(on: loop) { [unowned self] in finished($0, target, $1) }
      running.append(connect)
      connect.start(target.address, within: Self.timeout)
    }
  }

  func close() {
    waiting = []
    for connect in running { connect.cancel() }
    running = []
  }

  private func finished(
    _ connect: BareConnect, _ target: InstanceRegistry.ProbeTarget, _ outcome: BareConnect.Outcome
  ) {
    running.removeAll { $0 === connect }
    known.remove(target)
    if outcome == .failed(ECONNREFUSED) || outcome == .failed(ENOENT) { refused(target) }
    startNext()
  }
}
