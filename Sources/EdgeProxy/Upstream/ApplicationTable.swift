internal import CertStore

/// The applications of one upstream that are known at one time, by host name.
///
/// The control thread makes a new one with each change; workers look hosts up in it.
final class ApplicationTable: Sendable {
  let states: [UpstreamState]
  /// Whether a host that is not in here has no application; before that it is too early to say.
  let isComplete: Bool
  private let names: NameTable<Int>

  init(_ states: [UpstreamState], isComplete: Bool) {
    self.states = states
    self.isComplete = isComplete
    names = NameTable(states.enumerated().map { ($0.element.key, $0.offset) })
  }

  /// The place of a host's application in `states`; a name of its own comes before a wildcard.
  func lookup(_ host: borrowing Span<UInt8>) -> Int? { names.lookup(host) }
}
