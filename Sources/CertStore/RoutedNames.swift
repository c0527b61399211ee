/// The names that routes serve, so that no change of certificates leaves one of them without.
///
/// A name counts whether the route has it or a wildcard: the route `*.example.org` serves each
/// `a.example.org` that a certificate had.
struct RoutedNames {
  /// Normalised hosts that have routes, `*.` first for a wildcard.
  private let routes: Coverage
  /// The hosts that have routes of their own below each wildcard, whether that has a route or not.
  private var below: [[UInt8]: [[UInt8]]] = [:]

  init(_ hosts: [[UInt8]]) {
    routes = Coverage(names: hosts)
    for host in hosts {
      if let wildcard = Coverage.wildcard(over: host), wildcard != host {
        below[wildcard, default: []].append(host)
      }
    }
  }

  /// A certificate and what is to take its place; `nil` for nothing.
  struct Replacement {
    var old: EntryBuilder.Item
    var new: EntryBuilder.Item?
  }

  /// What must be taken back: which replacements, and for the sake of which name.
  ///
  /// `coverage` is what is valid once all are done, and afterwards what is valid without those that
  /// are taken back. One after the other, because an old certificate may cover what another
  /// replacement has lost, and again, because a new one that goes may have covered a name of another.
  func uncovered(
    by replacements: [Replacement], _ coverage: inout Coverage
  ) -> [(number: Int, name: [UInt8])] {
    var open = replacements.indices.map { (number: $0, names: names(of: replacements[$0].old)) }
    var lost: [(number: Int, name: [UInt8])] = []
    var wasStable = false
    while !wasStable {
      wasStable = true
      open.removeAll { number, names in
        guard let name = names.first(where: { !coverage.covers($0) }) else { return false }
        lost.append((number, name))
        if let new = replacements[number].new { coverage.remove(new) }
        coverage.insert(replacements[number].old)
        wasStable = false
        return true
      }
    }
    return lost
  }

  /// The names of a certificate that a route serves, and the hosts of routes that it covers.
  private func names(of item: EntryBuilder.Item) -> [[UInt8]] {
    item.names.flatMap { name in
      (routes.covers(name) ? [name] : []) + (below[name] ?? [])
    }
  }
}
