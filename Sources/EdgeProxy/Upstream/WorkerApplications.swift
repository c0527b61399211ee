internal import Configuration
internal import EventLoop

/// The applications of one discovered upstream as one worker sees them.
///
/// What the worker keeps for an application is made with its first request and stays while the
/// application is known.
final class WorkerApplications {
  private(set) var table: ApplicationTable
  private var upstreams: [WorkerUpstream?]
  private let loop: EventLoop
  private var limits: LimitSettings
  /// Where requests wait for applications that are not known yet.
  let unknown: WorkerUpstream

  init(
    _ table: ApplicationTable, unknown: WorkerUpstream, loop: EventLoop, limits: LimitSettings
  ) {
    self.table = table
    self.unknown = unknown
    self.loop = loop
    self.limits = limits
    upstreams = Array(repeating: nil, count: table.states.count)
  }

  /// The application of a host; `nil` where none has announced itself.
  func find(_ host: borrowing Span<UInt8>) -> WorkerUpstream? {
    guard let index = table.lookup(host) else { return table.isComplete ? nil : unknown }
    if let upstream = upstreams[index] { return upstream }
    let made = WorkerUpstream(
      state: table.states[index], loop: loop, limits: limits, counters: unknown.counters)
    upstreams[index] = made
    return made
  }

  func install(_ next: ApplicationTable) {
    guard next !== table else { return }
    let made = Dictionary(
      upstreams.compactMap { $0.map { (ObjectIdentifier($0.state.lasting), $0) } },
      uniquingKeysWith: { first, _ in first })
    table = next
    upstreams = next.states.map { state in
      let upstream = made[ObjectIdentifier(state.lasting)]
      upstream?.install(state)
      return upstream
    }
    let kept = Set(next.states.map { ObjectIdentifier($0.lasting) })
    for (lasting, upstream) in made where !kept.contains(lasting) { upstream.retire() }
    unknown.holds.releaseAll()
  }

  /// Takes over how many requests may wait.
  func install(_ limits: LimitSettings) {
    self.limits = limits
    for upstream in upstreams { upstream?.install(limits) }
  }

  /// Requests that wait, for whatever reason.
  var heldCount: Int {
    upstreams.reduce(unknown.holds.count) { $0 + ($1.map { $0.holds.count } ?? 0) }
  }

  func releaseHeld() {
    for upstream in upstreams { upstream?.holds.releaseAll() }
  }

  var queuedCount: Int { upstreams.reduce(0) { $0 + ($1.map { $0.queue.count } ?? 0) } }

  func retire() {
    for upstream in upstreams { upstream?.retire() }
  }
}

@available(*, unavailable) extension WorkerApplications: Sendable {}
