/// Which member to talk to: the one that worked last, and the next one when it fails.
package struct Endpoints: Sendable {
  /// What is known of one member.
  package struct Record: Equatable, Sendable {
    package var endpoint: Endpoint
    /// Failures since it last worked.
    package var failures = 0
  }

  package private(set) var records: [Record]
  private var index: Int
  /// Failures since any member worked.
  private var failuresInARow = 0

  /// Begins with the member at `first`, which may be any number.
  ///
  /// Edges that are given different ones spread their load. There must be one member at least.
  package init(_ endpoints: [Endpoint], first: Int = 0) {
    records = endpoints.map { Record(endpoint: $0) }
    index = endpoints.isEmpty ? 0 : Int(first.magnitude % UInt(endpoints.count))
  }

  package var current: Endpoint { records[index].endpoint }

  /// The current member works; it stays the one to talk to.
  package mutating func succeeded() {
    records[index].failures = 0
    failuresInARow = 0
  }

  /// This member is current now, because there is reason to think that it works.
  package mutating func turn(to member: Int) {
    guard records.indices.contains(member) else { return }
    index = member
    failuresInARow = 0
  }

  /// The current member failed, and the next one in turn is current now.
  ///
  /// Never the same again at once: one that takes connections and then does not answer has worked
  /// and failed in turn. The result is true where as many in a row have failed as there are members,
  /// so that a pause is due.
  package mutating func failed() -> Bool {
    records[index].failures += 1
    failuresInARow += 1
    index = (index + 1) % records.count
    guard failuresInARow >= records.count else { return false }
    failuresInARow = 0
    return true
  }
}
