/// Several lists of numbered items, each in the order of their last use.
///
/// An item is in one list at most. All operations take the same time, however long the lists are.
struct RecencyLists: Sendable {
  private struct Link { var newer = -1, older = -1 }
  private struct Ends { var newest = -1, oldest = -1 }

  private var links: [Link] = []
  private var ends: [Ends]

  init(count: Int) { ends = [Ends](repeating: Ends(), count: count) }

  /// Puts an item that is in no list first.
  mutating func add(_ item: Int, to list: Int) {
    while links.count <= item { links.append(Link()) }
    let newest = ends[list].newest
    links[item] = Link(newer: -1, older: newest)
    if newest >= 0 { links[newest].newer = item } else { ends[list].oldest = item }
    ends[list].newest = item
  }

  mutating func remove(_ item: Int, from list: Int) {
    let link = links[item]
    if link.newer >= 0 {
      links[link.newer].older = link.older
    } else {
      ends[list].newest = link.older
    }
    if link.older >= 0 {
      links[link.older].newer = link.newer
    } else {
      ends[list].oldest = link.newer
    }
    links[item] = Link()
  }

  /// The item whose last use is the longest ago; `nil` for an empty list.
  func oldest(of list: Int) -> Int? {
    let item = ends[list].oldest
    return item >= 0 ? item : nil
  }
}
