/// Changes to the fields of a head on its way: some are removed, some set, some added.
///
/// Names and values were checked when the configuration was read. The new lines are appended to the
/// bytes of the head, so that the code which writes the head finds them among the others.
package struct FieldRules: Sendable, Equatable {
  package struct Field: Sendable, Equatable {
    package var name: [UInt8]
    package var value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  /// Every field of these names goes.
  package var remove: [[UInt8]] = []
  /// Takes the place of every field of its name.
  package var set: [Field] = []
  /// Comes beside what is there.
  package var add: [Field] = []

  package init() {}

  package var isEmpty: Bool { remove.isEmpty && set.isEmpty && add.isEmpty }

  /// Applies the rules to the lines of a head: `fields` and `nominations` point into `bytes`.
  ///
  /// The sender of the head may have named a field of ours in `Connection`, which would take it
  /// away.
  func apply(
    to bytes: inout [UInt8], _ fields: inout [HeaderField], _ nominations: inout Nominations
  ) {
    for name in remove { Self.remove(name, bytes, &fields) }
    for field in set {
      Self.remove(field.name, bytes, &fields)
      nominations.remove(field.name, bytes)
      Self.append(field, &bytes, &fields)
    }
    for field in add {
      nominations.remove(field.name, bytes)
      Self.append(field, &bytes, &fields)
    }
  }

  private static func remove(_ name: [UInt8], _ bytes: [UInt8], _ fields: inout [HeaderField]) {
    fields.removeAll { same($0.name, name, bytes) }
  }

  private static func append(
    _ field: Field, _ bytes: inout [UInt8], _ fields: inout [HeaderField]
  ) {
    let start = bytes.count
    bytes += field.name
    bytes += field.value
    fields.append(
      HeaderField(
        name: ByteRange(start: start, count: field.name.count),
        value: ByteRange(start: start + field.name.count, count: field.value.count),
        spelled: field.name.span))
  }

  static func same(_ part: ByteRange, _ name: [UInt8], _ bytes: [UInt8]) -> Bool {
    guard Int(part.count) == name.count else { return false }
    for (offset, byte) in name.enumerated()
    where ASCII.lower(byte) != ASCII.lower(bytes[Int(part.start) + offset]) {
      return false
    }
    return true
  }
}

extension RequestHead {
  package mutating func apply(_ rules: FieldRules) {
    rules.apply(to: &bytes, &fields, &nominations)
  }
}

extension ResponseHead {
  package mutating func apply(_ rules: FieldRules) {
    rules.apply(to: &bytes, &fields, &nominations)
  }

  /// Gives the cookies of the head the attributes that they lack.
  package mutating func complete(cookies attributes: CookieAttributes) {
    for index in fields.indices where fields[index].known == .setCookie {
      let value = fields[index].value
      var missing: [UInt8] = []
      attributes.appendMissing(to: bytes.span.extracting(value.range), into: &missing)
      guard !missing.isEmpty else { continue }
      let start = bytes.count
      bytes += bytes[value.range]
      bytes += missing
      fields[index].value = ByteRange(start: start, count: bytes.count - start)
    }
  }
}
