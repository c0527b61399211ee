/// The fields that a message names in `Connection`: they are for one hop, RFC 9110 §7.6.1.
///
/// They are found once, while the head is read, and their number has a bound. So what is asked of each
/// field of a head is a few comparisons, however long the value of `Connection` is.
struct Nominations: Sendable {
  private var names: [(part: ByteRange, mark: NameMark)] = []

  var isEmpty: Bool { names.isEmpty }

  /// Adds a name; `spelled` are its bytes.
  mutating func add(_ part: ByteRange, _ spelled: borrowing Span<UInt8>) throws(HTTPError) {
    guard names.count < FixedLimits.nominations else {
      throw .tooManyNominations(limit: FixedLimits.nominations)
    }
    names.append((part, NameMark(spelled)))
  }

  mutating func removeAll() { names.removeAll(keepingCapacity: true) }

  /// Forgets one name, for a field that is ours.
  mutating func remove(_ name: [UInt8], _ bytes: [UInt8]) {
    names.removeAll { FieldRules.same($0.part, name, bytes) }
  }

  /// Whether the field is one of them; all are parts of `bytes`.
  func contain(_ field: HeaderField, _ bytes: [UInt8]) -> Bool {
    guard !names.isEmpty else { return false }
    for name in names
    where name.mark == field.mark && name.part.isSameName(as: field.name, in: bytes) {
      return true
    }
    return false
  }
}
