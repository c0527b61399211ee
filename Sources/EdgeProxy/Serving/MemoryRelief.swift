internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Takes memory, and room for temporary files, back from the clients that hold most of it.
///
/// Above half of `limits.memory` new bytes go to files early. Above all of it the largest holdings
/// are moved to files. Where that is not enough, answers are cut: the largest of each client that
/// holds more than its share. A new request is refused only when that was too slow, at a quarter
/// above the limit. `limits.temporary_files` is kept the same way, except that nothing can be
/// moved.
///
/// It runs at the end of a turn, so that nothing ends within one of its own calls, and moves a bounded
/// number of bytes in each.
final class MemoryRelief: TurnEnd, TimerTarget {
  /// Bytes that are written to files in one turn.
  private static let spilledPerTurn = 16 << 20
  /// Between two turns of it.
  private static let pause = Duration.milliseconds(1)

  /// The worker owns its relief.
  private unowned let worker: Worker
  private var buffers: BufferPool { worker.buffers }
  private var memoryMax: Int
  private var filesMax: Int64
  private var timer = TimerToken.none
  private var runsAtTurnEnd = false

  init(worker: Worker, _ limits: LimitSettings) {
    self.worker = worker
    memoryMax = limits.memoryBytes
    filesMax = Int64(limits.temporaryFileBytes)
  }

  func install(_ limits: LimitSettings) {
    memoryMax = limits.memoryBytes
    filesMax = Int64(limits.temporaryFileBytes)
    buffers.setLimits(bytes: memoryMax, fileBytes: filesMax) { [weak self] in self?.run() }
  }

  // MARK: Giving back

  /// Takes back at the end of the turn.
  func run() {
    guard timer == .none, !runsAtTurnEnd else { return }
    runsAtTurnEnd = true
    worker.loop.atTurnEnd(self)
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    run()
  }

  func turnEnded() {
    runsAtTurnEnd = false
    if buffers.bytesOut > memoryMax {
      let holders = worker.holders()
      guard spill(holders) else { return timer = worker.loop.arm(self, after: Self.pause) }
      let excess = buffers.bytesOut - (memoryMax - memoryMax / 8)
      if buffers.bytesOut > memoryMax { cut(holders, Int64(excess), of: \.memory) }
    }
    if buffers.fileBytesOut > filesMax {
      let excess = buffers.fileBytesOut - (filesMax - filesMax / 8)
      cut(worker.holders(), excess, of: \.files)
    }
  }

  /// Moves what can be moved to files, the largest first; `false` where there is more to be done.
  private func spill(_ holders: [MemoryHolder]) -> Bool {
    var left = Self.spilledPerTurn
    let target = memoryMax - memoryMax / 8
    for holder in holders.sorted(by: { $0.memory > $1.memory }) {
      guard buffers.bytesOut > target else { return true }
      left -= holder.spill()
      guard left > 0 else { return false }
    }
    return true
  }

  /// Ends what the clients with the most hold, until `excess` bytes less are held.
  private func cut(
    _ holders: [MemoryHolder], _ excess: Int64, of held: KeyPath<MemoryHolder, Int64>
  ) {
    var byClient: [IPAddress: [MemoryHolder]] = [:]
    for holder in holders where holder[keyPath: held] > 0 {
      byClient[holder.client, default: []].append(holder)
    }
    let totals = byClient.mapValues { $0.reduce(0) { $0 + $1[keyPath: held] } }
    let most = FairShare.most(totals.values.sorted(), less: excess)
    for (client, total) in totals where total > most {
      var left = total
      let own = byClient[client] ?? []
      for holder in own.sorted(by: { $0[keyPath: held] > $1[keyPath: held] }) where left > most {
        left -= holder[keyPath: held]
        holder.cut()
      }
    }
  }
}

@available(*, unavailable) extension MemoryRelief: Sendable {}

/// What is kept for one answer, tunnel or connection, and for which client.
struct MemoryHolder {
  enum Kind {
    case exchange(Exchange)
    case tunnel(Tunnel)
    case connection(Connection)
  }

  let kind: Kind
  let client: IPAddress
  let memory: Int64
  let files: Int64

  init(_ kind: Kind, of client: IPAddress, memory: Int) {
    self.kind = kind
    self.client = client.client
    self.memory = Int64(memory)
    files = 0
  }

  init(_ exchange: Exchange) {
    kind = .exchange(exchange)
    client = exchange.request.client.client
    memory = Int64(exchange.memoryHeld)
    files = exchange.filesHeld
  }

  /// Moves what can wait to a file; returns how many bytes.
  func spill() -> Int {
    switch kind {
    case .exchange(let exchange): exchange.spill()
    case .connection(let connection): connection.shrinkInput()
    case .tunnel: 0
    }
  }

  func cut() {
    switch kind {
    case .exchange(let exchange): exchange.cutForMemory()
    case .tunnel(let tunnel): tunnel.cut("memory-limit")
    case .connection(let connection): connection.cutForMemory()
    }
  }
}

/// How something that is short is shared, so that a client that takes little loses nothing.
enum FairShare {
  /// The most that anybody may keep, so that all together keep `excess` less; `totals` are sorted.
  static func most(_ totals: [Int64], less excess: Int64) -> Int64 {
    var level = totals.last ?? 0
    guard excess > 0 else { return level }
    var left = excess
    var count: Int64 = 0
    for index in totals.indices.reversed() {
      count += 1
      let next = index > 0 ? totals[index - 1] : 0
      let step = (level - next).multipliedReportingOverflow(by: count)
      if step.overflow || step.partialValue >= left { return level - ((left - 1) / count + 1) }
      left -= step.partialValue
      level = next
    }
    return 0
  }
}

extension Worker {
  /// The answers, tunnels and connections that hold memory or files, except those of other servers.
  func holders() -> [MemoryHolder] {
    var holders: [MemoryHolder] = []
    for connection in connections where connection.listener.kind != .peers {
      connection.addHolders(to: &holders)
    }
    sessions.addHolders(to: &holders)
    return holders
  }
}
