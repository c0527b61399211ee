/// What a request waits for before its route answers it.
///
///     findAnswerer ──▶ passGates ──▶ waits ──▶ findAnswerer(behind:) ──▶ answered here, or tries
///                          └──▶ refused           (when the request is whole)
///
/// Its body may come meanwhile. Whatever answers or ends the request before the gate opens leaves it.
final class Gate {
  enum Awaited {
    /// The desk checks the password of a user.
    case password(ticket: UInt64, user: [UInt8])
    case authenticator(AuthenticatorCall)
  }

  let awaited: Awaited
  /// The whole request has come.
  var isWhole = false

  init(_ awaited: Awaited) { self.awaited = awaited }
}

@available(*, unavailable) extension Gate: Sendable {}

/// The requests of one worker that wait for what another thread finds out, by tickets.
///
/// Exchanges are used again: the answer to one that has left finds nobody.
final class Admissions {
  private var waiting: [UInt64: Exchange] = [:]
  private var last: UInt64 = 0

  var count: Int { waiting.count }

  func enter(_ exchange: Exchange) -> UInt64 {
    last += 1
    waiting[last] = exchange
    return last
  }

  func leave(_ ticket: UInt64) { waiting[ticket] = nil }

  func tell(_ ticket: UInt64, _ outcome: PasswordOutcome) {
    waiting.removeValue(forKey: ticket)?.passwordChecked(outcome)
  }
}

@available(*, unavailable) extension Admissions: Sendable {}
