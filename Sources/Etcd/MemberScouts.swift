internal import EventLoop

/// Notices at once that members which could not be reached can be reached again.
///
/// While a link is cut, a connect that has begun waits for its SYN to be sent again, and a member that
/// is cut off as well takes calls and answers none: both cost seconds after the link is back. A fresh
/// bare connect to each member, several times a second, costs a few packets and is answered at once.
/// Only the change from silent or refused to reachable is told: that a member accepts connections says
/// little by itself.
///
/// Members that are named and not numbered are left alone; their names are resolved when they are asked.
final class MemberScouts {
  private let loop: EventLoop
  private let addresses: [SocketAddress?]
  private let found: (Int) -> Void
  private var members: [Member]
  private var running: [ObjectIdentifier: BareConnect] = [:]
  private var beat: Alarm?
  private(set) var isRunning = false

  private struct Member {
    var isLost = false
    /// When the last connect that succeeded was begun.
    var reachedAt = Instant(nanoseconds: 0)
    /// When one that is not lost is asked next.
    var dueAt = Instant(nanoseconds: 0)
  }

  private static let period = Duration.milliseconds(200)
  /// etcd with TLS writes a line to its log for each connection that says nothing.
  private static let periodOfReached = Duration.seconds(1)
  /// For one connect, so that at most three to a member are under way.
  private static let connectWithin = Duration.milliseconds(500)

  /// `found` is called with the number of a member that can be reached again.
  init(_ endpoints: [Endpoint], on loop: EventLoop, found: @escaping (Int) -> Void) {
    self.loop = loop
    self.found = found
    addresses = endpoints.map { SocketAddress(ip: $0.host, port: $0.port) }
    members = Array(repeating: Member(), count: endpoints.count)
    beat = Alarm(on: loop) { [unowned self] in round() }
  }

  /// The members that did not accept the last connect.
  var lost: [Int] { members.indices.filter { members[$0].isLost } }

  func start() {
    guard !isRunning else { return }
    isRunning = true
    members = Array(repeating: Member(), count: members.count)
    round()
  }

  func stop() {
    guard isRunning else { return }
    isRunning = false
    beat?.cancel()
    for connect in running.values { connect.cancel() }
    running = [:]
  }

  private func round() {
    beat?.set(after: Self.period)
    let now = loop.clockNow
    for (member, address) in addresses.enumerated() {
      guard let address, members[member].isLost || members[member].dueAt <= now else { continue }
      members[member].dueAt = now + Self.periodOfReached
      let connect = BareConnect(on: loop) { [unowned self] connect, outcome in
        running[ObjectIdentifier(connect)] = nil
        came(back: member, began: now, outcome == .connected)
      }
      running[ObjectIdentifier(connect)] = connect
      connect.start(address, within: Self.connectWithin)
    }
  }

  private func came(back number: Int, began: Instant, _ isReached: Bool) {
    var member = members[number]
    if isReached {
      let wasLost = member.isLost
      member.isLost = false
      member.reachedAt = max(member.reachedAt, began)
      members[number] = member
      if wasLost { found(number) }
    } else if began > member.reachedAt {
      members[number].isLost = true
    }
  }
}
