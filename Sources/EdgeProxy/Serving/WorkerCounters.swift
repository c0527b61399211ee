internal import ACME
internal import HTTPCore

/// What one worker has counted: written by it alone, read by the control thread at any time.
///
/// One writer needs no atomic addition, so that counting costs a load and a store, and a frozen
/// worker's numbers can still be read. Gauges that are kept elsewhere are put here once a second.
final class WorkerCounters: Sendable {
  /// What new work is refused for.
  enum Limit: Int, CaseIterable {
    case connections, connectionsPerAddress, requestsPerAddress, memory, held, queued

    /// As the configuration names it.
    var name: String {
      switch self {
      case .connections: "connections"
      case .connectionsPerAddress: "connections_per_address"
      case .requestsPerAddress: "requests_per_address"
      case .memory: "memory"
      case .held: "held"
      case .queued: "queued"
      }
    }
  }

  let peers = PeerCounters()
  let failures = FailureRing()
  let accepted = Count()
  let connections = Count()
  let handshakesFailed = Count()
  /// Times that CAs were shown what answers a challenge.
  private let httpChallenges = Count()
  private let alpnChallenges = Count()
  /// TCP sessions: those that are open, all, and their bytes.
  let sessions = Count()
  let sessionsBegun = Count()
  let sessionBytesIn = Count()
  let sessionBytesOut = Count()
  let bytesIn = Count()
  let bytesOut = Count()
  let tries = Count()
  let retries = Count()
  /// Requests that had to wait for a node.
  let waits = Count()
  /// Requests that had to wait for a node that had less to do.
  let queued = Count()
  /// Requests that are waiting, as of the last second.
  let held = Count()
  /// Bytes of memory that are kept for clients, as of the last second.
  let memory = Count()
  /// The same of temporary files.
  let fileBytes = Count()
  /// Requests by route, and those that have found none.
  let routes = NamedCounters<RouteCounters>()
  let unrouted = RouteCounters()
  /// Tries by upstream.
  let upstreams = NamedCounters<TryCounters>()
  private let codes = StatusCodes()
  private let refusals = [6 of Count](initializingWith: { span in
    while !span.isFull { span.append(Count()) }
  })
  private let floodCounts = [7 of Count](initializingWith: { span in
    while !span.isFull { span.append(Count()) }
  })

  /// Requests that have ended, by the first digit of their status (`StatusCodes.classes`).
  var answersByClass: [Int] {
    var sums = StatusCodes.classes.map { _ in 0 }
    for row in routes.all.map(\.row) + [unrouted] {
      for (place, count) in row.answers.enumerated() {
        sums[StatusCodes.number(ofClass: place)] &+= count
      }
    }
    return sums
  }

  func refusals(_ limit: Limit) -> Int { refusals[limit.rawValue].now }

  func refused(_ limit: Limit) { refusals[limit.rawValue].add() }

  func challenges(_ type: ChallengeType) -> Int {
    switch type {
    case .http: httpChallenges.now
    case .alpn: alpnChallenges.now
    case .dns: 0
    }
  }

  /// A CA was shown what answers its challenge; those in DNS are seen elsewhere.
  func answered(_ type: ChallengeType) {
    switch type {
    case .http: httpChallenges.add()
    case .alpn: alpnChallenges.add()
    case .dns: break
    }
  }

  func floods(_ kind: Flood) -> Int { floodCounts[kind.rawValue].now }

  /// A client has sent too many frames of a kind.
  func flooded(by kind: Flood) { floodCounts[kind.rawValue].add() }

  /// Takes in a finished TCP session.
  func countSession(_ record: borrowing AccessRecord) {
    sessionBytesIn.add(Int(record.bytesIn))
    sessionBytesOut.add(Int(record.bytesOut))
    if record.isFailure { failures.add(record, RequestHead()) }
  }

  /// Takes in a finished exchange; `route` is `nil` for one that has found none.
  func count(
    _ record: borrowing AccessRecord, _ head: borrowing RequestHead = RequestHead(),
    on route: RouteCounters? = nil
  ) {
    if record.isFailure { failures.add(record, head) }
    (route ?? unrouted).count(
      place: codes.place(of: record.status), status: record.status,
      microseconds: record.totalMicroseconds)
    bytesIn.add(Int(record.bytesIn))
    bytesOut.add(Int(record.bytesOut))
    let count = record.triesCount
    guard count > 0 else { return }
    tries.add(count)
    retries.add(count - 1)
  }

  /// All requests that have ended.
  var requests: Int { answersByClass.reduce(0, &+) }
}
