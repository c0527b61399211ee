internal import EventLoop
internal import HTTPCore

/// Connects to the https ports of the other servers, again and again, for as long as it lives.
///
/// The connects are spread over time: one address after the other, each once in 500 ms, and none of them waits for
/// the one before. With more than 25 addresses each has its turn less often, but for those in doubt.
final class AddressProbes {
  struct Target: Hashable, Sendable {
    var address: IPAddress
    var port: UInt16
  }

  private struct Probed {
    let target: Target
    let place: SocketAddress
    var record = ProbeRecord()
    var askedAt: Instant?
  }

  private let loop: EventLoop
  private let changed: () -> Void
  private var probed: [Probed] = []
  private var alarm: Alarm?
  /// When the present turn was to be.
  private var turn = Instant(nanoseconds: 0)
  private var underWay: [ObjectIdentifier: (connect: BareConnect, target: Target, begun: Instant)] =
    [:]
  /// What the others doubt.
  private var suspects: Set<IPAddress> = []
  /// How this server sees each address that it has tried.
  private(set) var views: [IPAddress: LivingAddresses.View] = [:]

  /// Each address is asked once in this time.
  static let period = Duration.milliseconds(500)
  static let timeout = Duration.seconds(1)
  /// Between two connects: at most 50 in a second.
  static let gapMin = Duration.milliseconds(20)
  /// Turns that are later than this are left out, so that a busy thread does not catch up at once.
  private static let latenessMax = Duration.milliseconds(100)

  /// `changed` is called when `views` has, but not by `probe`.
  init(on loop: EventLoop, changed: @escaping () -> Void) {
    self.loop = loop
    self.changed = changed
    alarm = Alarm(on: loop) { [unowned self] in askNext() }
  }

  /// Probes these addresses from now on; what is known of those among them that were probed before stays.
  func probe(_ targets: [Target]) {
    let known = [Target: Probed](
      probed.map { ($0.target, $0) }, uniquingKeysWith: { first, _ in first })
    probed = targets.compactMap { target in
      if let probed = known[target] { return probed }
      let text = String(decoding: target.address.text, as: UTF8.self)
      return SocketAddress(ip: text, port: target.port).map { Probed(target: target, place: $0) }
    }
    _ = look()
    if probed.isEmpty {
      alarm?.cancel()
    } else if alarm?.isSet == false {
      alarm?.set(after: .zero)
    }
  }

  /// Asks these soon and often: other servers cannot connect to them.
  func suspect(_ addresses: Set<IPAddress>) { suspects = addresses }

  /// Ends all that is under way; nothing is told any more.
  func end() {
    alarm?.cancel()
    for one in underWay.values { one.connect.cancel() }
    underWay = [:]
    probed = []
  }

  // MARK: Turns

  private var gap: Duration { max(Self.gapMin, Self.period / max(1, probed.count)) }

  /// Asks the address whose turn it is.
  private func askNext() {
    // Timers fire a little late: turns are counted from where they should have been.
    if loop.now > turn + Self.latenessMax { turn = loop.now }
    guard let index = probed.indices.min(by: { due(probed[$0]) < due(probed[$1]) }) else { return }
    let earliest = due(probed[index])
    // One that has just been asked waits until its time has come.
    if earliest <= turn { ask(index) }
    turn = max(turn + gap, earliest)
    alarm?.set(after: max(.zero, turn - loop.now))
  }

  private func due(_ probed: Probed) -> Instant {
    guard let askedAt = probed.askedAt else { return Instant(nanoseconds: .min) }
    let isUrgent = probed.record.isDoubtful || suspects.contains(probed.target.address)
    return askedAt + (isUrgent ? Self.period : max(Self.period, gap * self.probed.count))
  }

  private func ask(_ index: Int) {
    let target = probed[index].target
    probed[index].askedAt = turn
    let connect = BareConnect(on: loop) { [unowned self] in
      ended(ObjectIdentifier($0), ProbeRecord.Outcome($1))
    }
    underWay[ObjectIdentifier(connect)] = (connect, target, loop.now)
    connect.start(probed[index].place, within: Self.timeout)
  }

  private func ended(_ identifier: ObjectIdentifier, _ outcome: ProbeRecord.Outcome) {
    guard let (_, target, begun) = underWay.removeValue(forKey: identifier),
      let index = probed.firstIndex(where: { $0.target == target })
    else { return }
    let previous = probed[index].record.outcome
    probed[index].record.ended(outcome, begun: begun)
    if probed[index].record.outcome != previous, look() { changed() }
  }

  // MARK: What this server sees

  private func look() -> Bool {
    let connected = Set(
      probed.filter { $0.record.outcome == .connected }.map(\.target.address.family))
    var views: [IPAddress: LivingAddresses.View] = [:]
    for probed in probed {
      let address = probed.target.address
      switch probed.record.outcome {
      case .connected: views[address] = .connects
      case .failed: views[address] = .fails
      // This server has a way into that network, so there is none to the other server.
      case .noWay: views[address] = connected.contains(address.family) ? .fails : .cannotSay
      case .unable: views[address] = .cannotSay
      case nil: break
      }
    }
    let isNews = views != self.views
    self.views = views
    return isNews
  }
}

@available(*, unavailable) extension AddressProbes: Sendable {}
