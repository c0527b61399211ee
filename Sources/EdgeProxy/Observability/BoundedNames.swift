internal import EventLoop

/// The names that things are counted by, such as routes: at most so many, each in a place of its own.
///
/// A name keeps its place for as long as it is wanted, so that its counters go on over a reload. One
/// that is not wanted any more keeps it until another needs the room.
struct BoundedNames: Equatable, Sendable {
  static let most = 500
  /// Where all are counted for which there was no room.
  static let other = "other"

  private(set) var names: [String] = []
  private var places: [String: Int] = [:]

  init() {}

  /// The names of `previous`, if any, and those that are `wanted` now, which may come more than once.
  init(_ wanted: [String], after previous: BoundedNames?) {
    self = previous ?? BoundedNames()
    let kept = Set(wanted)
    var free = names.indices.filter { !kept.contains(names[$0]) }[...]
    for name in wanted where places[name] == nil && name != Self.other {
      if names.count < Self.most {
        places[name] = names.count
        names.append(name)
      } else if let place = free.popFirst() {
        places[names[place]] = nil
        places[name] = place
        names[place] = name
      }
    }
  }

  /// `nil` for a name that is counted under `other`.
  func place(of name: String) -> Int? { places[name] }
}

/// A set of counters that one thread writes.
protocol CounterRow: AnyObject, Sendable {
  init()
  /// Takes over what another one has counted.
  func add(_ other: Self)
}

/// One worker's counters by name: the worker installs names and counts, any thread reads.
///
/// Whoever counts has the row itself and looks nothing up. What was counted under a name that had to
/// go is counted under `other` from then on, so that sums of all rows never become less.
final class NamedCounters<Row: CounterRow>: Sendable {
  private let rows = Guarded<[(name: String, row: Row)]>([])
  /// Counts what has no name of its own.
  let other = Row()

  /// Makes a row for each name that has none, and says which row each of `labels` has.
  func install(_ names: BoundedNames, for labels: [String]) -> [Row] {
    rows.withLock { rows in
      for (place, name) in names.names.enumerated() {
        if place == rows.count {
          rows.append((name, Row()))
        } else if rows[place].name != name {
          other.add(rows[place].row)
          rows[place] = (name, Row())
        }
      }
      return labels.map { label in names.place(of: label).map { rows[$0].row } ?? other }
    }
  }

  /// All there are, `other` last.
  var all: [(name: String, row: Row)] {
    rows.withLock { $0 } + [(BoundedNames.other, other)]
  }
}
