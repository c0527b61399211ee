/// What stands in a `Roster`, and knows its place there.
protocol Listed: AnyObject {
  /// The place; below 0 in no list. Only the list sets it.
  var index: Int { get set }
}

/// Objects in no order, of which any can leave at once.
///
/// The last one takes the place of one that leaves: whoever goes through all of them while some
/// leave goes backwards.
struct Roster<Element: Listed> {
  private(set) var all: [Element] = []

  var count: Int { all.count }

  mutating func add(_ element: Element) {
    element.index = all.count
    all.append(element)
  }

  /// `false` where it is not there, or not any more.
  mutating func remove(_ element: Element) -> Bool {
    let index = element.index
    guard all.indices.contains(index), all[index] === element else { return false }
    element.index = -1
    let last = all.removeLast()
    if index < all.count {
      all[index] = last
      last.index = index
    }
    return true
  }
}
