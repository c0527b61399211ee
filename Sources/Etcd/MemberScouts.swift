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
  private var running: [ObjectIdentifier: Scout] = [:]
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
  fileprivate static let connectWithin = Duration.milliseconds(500)

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
    for scout in running.values { scout.cancel() }
    running = [:]
  }

  private func round() {
    beat?.set(after: Self.period)
    let now = loop.clockNow
    for (member, address) in addresses.enumerated() {
      guard let address, members[member].isLost || members[member].dueAt <= now else { continue }
      members[member].dueAt = now + Self.periodOfReached
      let scout = Scout(member, began: now, loop: loop) { [unowned self] in
        came(back: $0, $1)
      }
      running[ObjectIdentifier(scout)] = scout
      scout.start(address)
    }
  }

  private func came(back scout: Scout, _ isReached: Bool) {
    running[ObjectIdentifier(scout)] = nil
    var member = members[scout.member]
    if isReached {
      let wasLost = member.isLost
      member.isLost = false
      member.reachedAt = max(member.reachedAt, scout.began)
      members[scout.member] = member
      if wasLost { found(scout.member) }
    } else if scout.began > member.reachedAt {
      members[scout.member].isLost = true
    }
  }
}

/// One connect to one member.
private final class Scout: EventSource, TimerTarget {
  let member: Int
  let began: Instant
  private let loop: EventLoop
  private let back: (Scout, Bool) -> Void
  private var descriptor: FileDescriptor?
  private var token = SourceToken.none
  private var timer = TimerToken.none

  init(
    _ member: Int, began: Instant, loop: EventLoop, back: @escaping (Scout, Bool) -> Void
  ) {
    self.member = member
    self.began = began
    self.loop = loop
    self.back = back
  }

  func start(_ address: SocketAddress) {
    timer = loop.arm(self, after: MemberScouts.connectWithin)
    do {
      let socket = try Socket.connect(address)
      token = try loop.register(socket.raw, self, [.writable])
      descriptor = consume socket
    } catch {
      finish(false)
    }
  }

  func ready(_ events: Readiness) {
    guard let raw = descriptor?.raw else { return }
    finish(Socket.pendingError(raw) == 0 && !events.contains(.failed))
  }

  func timerFired(_ token: TimerToken) { finish(false) }

  private func finish(_ isReached: Bool) {
    cancel()
    back(self, isReached)
  }

  func cancel() {
    loop.cancel(timer)
    loop.forget(token)
    token = .none
    descriptor = nil
  }
}
