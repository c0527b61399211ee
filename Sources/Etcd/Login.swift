/// Whether calls need a token of etcd's, and when to log in for one.
///
///     needed ── wanted ──▶ pausing ── pauseIsOver ──▶ asking ── granted ──▶ granted
///       ▲                                               │                      │
///       ├────────────────────── failed ─────────────────┘                      │
///       └─────────────────────── refused, a call for its token ────────────────┘
///
/// etcd gives every token up when any of its users changes, when it restarts, or when the token's
/// time is over. There is one login at a time. etcd works for about 100 ms on each, so a login waits
/// for a growing pause where the last one brought no token that a call was answered with.
struct Login {
  enum Next: Equatable {
    /// A call needs nothing more.
    case goOn
    /// A login is under way.
    case wait
    /// Answer with `pauseIsOver` after so long, and then log in.
    case pause(Duration)
    /// Log in, and answer with `granted`, `isNeedless` or `failed`.
    case ask
  }

  private enum State: Equatable { case needless, needed, pausing, asking, granted(String) }

  private let hasCredentials: Bool
  private var state: State
  private var backoff: Backoff
  /// No call was answered since the last login.
  private var isUnproven = false

  init(
    hasCredentials: Bool, random: any RandomNumberGenerator = SystemRandomNumberGenerator()
  ) {
    self.hasCredentials = hasCredentials
    state = hasCredentials ? .needed : .needless
    backoff = Backoff(random: random)
  }

  /// What calls carry now; `nil` for nothing.
  var token: String? {
    if case .granted(let token) = state { token } else { nil }
  }

  /// A call is to be made.
  mutating func wanted() -> Next {
    switch state {
    case .needless, .granted: return .goOn
    case .pausing, .asking: return .wait
    case .needed:
      state = isUnproven ? .pausing : .asking
      return isUnproven ? .pause(backoff.next()) : .ask
    }
  }

  mutating func pauseIsOver() {
    if state == .pausing { state = .asking }
  }

  /// etcd gave a token.
  mutating func granted(_ token: String) {
    state = .granted(token)
    isUnproven = true
  }

  /// etcd asks nobody for a password now.
  mutating func isNeedless() { state = .needless }

  /// There is no token.
  ///
  /// What etcd refused once it is likely to refuse again; for a member that is away the connection
  /// pauses.
  mutating func failed(_ error: CallError) {
    state = .needed
    if case .refused = error { isUnproven = true }
  }

  /// A call was refused for the token that it carried, or for want of one.
  ///
  /// A call that began before the last login says nothing of the present token.
  mutating func refused(_ carried: String?) {
    guard hasCredentials else { return }
    switch state {
    case .granted(let token) where token == carried: state = .needed
    case .needless where carried == nil: state = .needed
    case .needless, .needed, .pausing, .asking, .granted: break
    }
  }

  /// A call with this token was answered.
  mutating func proved(_ carried: String?) {
    guard carried == token else { return }
    isUnproven = false
    backoff.reset()
  }
}
