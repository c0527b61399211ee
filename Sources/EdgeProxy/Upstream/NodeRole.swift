/// What a node is to its upstream: how much it takes, and when it is asked.
///
/// It changes with announcements, while what is known of the node's health stays.
struct NodeRole: Equatable, Sendable {
  /// The bytes 0 and 3 of the uwsgi packets that are sent to it.
  var modifier1: UInt8 = 0
  var modifier2: UInt8 = 0
  /// Its share of the requests beside the others; at least 1.
  var weight = 1
  /// Requests that it works on at once; 0 where that is not known, and then there is no limit.
  var cores = 0
  /// It runs on this server, and is asked before those that do not.
  var isLocal = false
  /// Asked only when no other is to be had.
  var isDoubtful = false

  /// What its requests are counted against: what was said, else what it works on at once.
  var share: Int { weight > 1 ? weight : max(cores, 1) }

  /// Whether it works at less than it can.
  func hasFreeCore(_ inFlight: Int) -> Bool { cores == 0 || inFlight < cores }

  /// Whether it takes one more: as many as it works on may wait in its own queue, so that it never
  /// idles and never has more to lose.
  func hasRoom(_ inFlight: Int) -> Bool { cores == 0 || inFlight < 2 * cores }
}
