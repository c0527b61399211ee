/// Which nodes one exchange has tried, and which was the last.
struct TriedNodes: Equatable, Sendable {
  /// What an upstream may have; the configuration refuses more.
  static let nodesMax = 128

  private(set) var bits: UInt128 = 0
  /// The last node tried, in this round or the one before.
  private(set) var last: Int?

  var isEmpty: Bool { bits == 0 }
  var count: Int { bits.nonzeroBitCount }

  mutating func insert(_ index: Int) {
    bits |= 1 << UInt128(index)
    last = index
  }

  /// Every node may be tried again, as after a wait; the last one still comes last.
  mutating func beginRound() { bits = 0 }
}
