/// What must hold of one key, or of every key of a prefix, for a transaction to succeed.
package struct Compare: Equatable, Sendable {
  package enum Relation: UInt64, Sendable {
    case equal = 0
    case greater = 1
    case less = 2
    case notEqual = 3
  }

  package enum Target: Equatable, Sendable {
    /// How often the key was written since it was created; 0 if there is none.
    case version(Int64)
    case createRevision(Int64)
    case modRevision(Int64)
    case value([UInt8])
    case lease(Int64)
  }

  package var range: KeyRange
  package var relation: Relation
  package var target: Target

  package init(_ range: KeyRange, _ relation: Relation, _ target: Target) {
    self.range = range
    self.relation = relation
    self.target = target
  }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, relation.rawValue)
    switch target {
    case .version: break
    case .createRevision: writer.write(2, 1 as UInt64)
    case .modRevision: writer.write(2, 2 as UInt64)
    case .value: writer.write(2, 3 as UInt64)
    case .lease: writer.write(2, 4 as UInt64)
    }
    writer.write(3, range.start)
    // Members of a `oneof`: written whatever their value.
    switch target {
    case .version(let version): writer.write(4, present: version)
    case .createRevision(let revision): writer.write(5, present: revision)
    case .modRevision(let revision): writer.write(6, present: revision)
    case .value(let value): writer.write(7, message: value)
    case .lease(let lease): writer.write(8, present: lease)
    }
    writer.write(64, range.end)
    return writer.bytes
  }
}
