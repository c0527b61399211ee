extension StatusValue {
  /// What turns `old` into this value: a list of places and what is there now, `[[PLACE…], VALUE]`.
  ///
  /// A place is the names of fields and the numbers of elements that lead to it. A list that has become
  /// longer or shorter, and fields with other names, are told whole.
  func changes(since old: StatusValue) -> [StatusValue] {
    var changes: [StatusValue] = []
    var place: [StatusValue] = []
    collect(since: old, at: &place, into: &changes)
    return changes
  }

  private func collect(
    since old: StatusValue, at place: inout [StatusValue], into changes: inout [StatusValue]
  ) {
    switch (old, self) {
    case (.fields(let before), .fields(let now)) where before.map(\.name) == now.map(\.name):
      for (before, now) in zip(before, now) {
        place.append(.text(now.name))
        now.value.collect(since: before.value, at: &place, into: &changes)
        place.removeLast()
      }
    case (.list(let before), .list(let now)) where before.count == now.count:
      for (number, (before, now)) in zip(before, now).enumerated() {
        place.append(.number(number))
        now.collect(since: before, at: &place, into: &changes)
        place.removeLast()
      }
    default:
      if old != self { changes.append(.list([.list(place), self])) }
    }
  }
}
