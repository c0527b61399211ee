internal import Configuration
internal import EventLoop

/// Decides when the https port is opened and closed.
///
///     before ── able ──▶ open ── unable for closeAfter ──▶ closed
///                        │  ▲ ▲                              │
///            bind failed │  │ └───── able for openAfter ─────┘
///                        ▼  │ a second later, able
///                       binding     from anywhere ── draining ──▶ drained ── undrained ──▶ before
///
/// The port is never opened without a certificate. With `close_when_unable: never` it does not
/// matter whether there is a backend; requests are answered 503 then. With `fleet` the port is
/// closed for want of a backend only when the other servers agree, and opened when they do not
/// agree any more. A port that was never open opens as soon as it may; the wait is for opening
/// again. A certificate that is lost closes the port under all policies, since each handshake would
/// fail in a way that keeps browsers from trying another server.
///
/// Times are nanoseconds of the monotonic clock.
struct PortGate: Sendable {
  enum Action: Equatable, Sendable { case none, open, close }

  /// What to do now, and when to ask again if nothing changes before.
  struct Step: Equatable, Sendable {
    var action: Action
    var deadline: Int64? = nil
  }

  private enum State: Equatable, Sendable {
    case before
    /// `unableSince` is when it last became unable, while it is.
    case open(unableSince: Int64?)
    /// `ableSince` is when it last became able, while it is.
    case closed(ableSince: Int64?)
    /// The last attempt to bind failed; it is repeated then.
    case binding(again: Int64)
    case drained
  }

  /// How long after a failed bind the next is made.
  static let bindAgainAfter: Int64 = 1_000_000_000

  private var policy: CloseWhenUnable
  private var closeAfter: Int64
  private var openAfter: Int64
  private var state = State.before

  init(_ settings: ListenSettings) {
    policy = settings.closeWhenUnable
    closeAfter = settings.closeAfter.nanoseconds
    openAfter = settings.openAfter.nanoseconds
  }

  /// Takes over other rules; what is open or closed stays so until the next `update`.
  mutating func reconfigure(_ settings: ListenSettings) {
    policy = settings.closeWhenUnable
    closeAfter = settings.closeAfter.nanoseconds
    openAfter = settings.openAfter.nanoseconds
  }

  var isOpen: Bool {
    guard case .open = state else { return false }
    return true
  }

  /// Whether the other servers have to be asked: the port is, or is about to be, closed for want
  /// of a backend.
  func wantsAgreement(_ ability: Ability, now: Int64) -> Bool {
    guard policy == .fleet, ability.hasCertificate else { return false }
    switch state {
    case .drained, .binding: return false
    case .before: return !ability.hasBackend
    case .closed: return true
    case .open(let unableSince):
      guard !ability.hasBackend, let unableSince else { return false }
      // Short gaps are no news for the fleet.
      return now - unableSince >= closeAfter / 2
    }
  }

  /// Takes in what is the case now; the same input again is harmless.
  ///
  /// `agreed` is what the fleet says to a closed port, `nil` while it has not said anything. `since` is
  /// when a port that has just become unable did so, where that was found out later.
  mutating func update(
    _ ability: Ability, since: Int64? = nil, agreed: Bool? = nil, now: Int64
  ) -> Step {
    if ability.isDraining { return drain() }
    let able = ability.hasCertificate && (ability.hasBackend || policy == .never)
    let mustOpen = policy == .fleet && ability.hasCertificate && agreed == false
    switch state {
    case .drained:
      // An administrator had taken it out and has put it back.
      state = .before
      return update(ability, agreed: agreed, now: now)
    case .before:
      return able || mustOpen ? open() : Step(action: .none)
    case .binding(let again):
      guard able || mustOpen else { return Step(action: .none) }
      return now >= again ? open() : Step(action: .none, deadline: again)
    case .open(let unableSince):
      if able { return staysOpen() }
      let mayClose = policy != .fleet || !ability.hasCertificate || agreed == true
      return self.mayClose(mayClose, since: unableSince ?? min(since ?? now, now), now: now)
    case .closed(let ableSince):
      if able { return mayOpen(since: ableSince ?? now, now: now) }
      return mustOpen ? open() : staysClosed()
    }
  }

  /// The `open` just asked for could not be done; it is asked for again while it may be.
  mutating func openFailed(now: Int64) -> Step {
    guard isOpen else { return Step(action: .none) }
    let again = now + Self.bindAgainAfter
    state = .binding(again: again)
    return Step(action: .none, deadline: again)
  }

  private mutating func drain() -> Step {
    let wasOpen = isOpen
    state = .drained
    return Step(action: wasOpen ? .close : .none)
  }

  private mutating func open() -> Step {
    state = .open(unableSince: nil)
    return Step(action: .open)
  }

  private mutating func staysOpen() -> Step {
    state = .open(unableSince: nil)
    return Step(action: .none)
  }

  private mutating func mayClose(_ mayClose: Bool, since: Int64, now: Int64) -> Step {
    guard mayClose, now - since >= closeAfter else {
      state = .open(unableSince: since)
      return Step(action: .none, deadline: mayClose ? since + closeAfter : nil)
    }
    state = .closed(ableSince: nil)
    return Step(action: .close)
  }

  private mutating func mayOpen(since: Int64, now: Int64) -> Step {
    guard now - since >= openAfter else {
      state = .closed(ableSince: since)
      return Step(action: .none, deadline: since + openAfter)
    }
    return open()
  }

  private mutating func staysClosed() -> Step {
    state = .closed(ableSince: nil)
    return Step(action: .none)
  }
}
