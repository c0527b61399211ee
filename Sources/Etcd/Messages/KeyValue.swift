/// What stands before every answer of etcd.
package struct ResponseHeader: Equatable, Sendable {
  package var clusterID: UInt64 = 0
  package var memberID: UInt64 = 0
  /// The revision of the whole store when the answer was made; 0 where etcd does not say.
  package var revision: Int64 = 0
  package var raftTerm: UInt64 = 0

  package init(revision: Int64 = 0) { self.revision = revision }

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: clusterID = try reader.unsigned()
      case 2: memberID = try reader.unsigned()
      case 3: revision = try reader.count()
      case 4: raftTerm = try reader.unsigned()
      default: try reader.skip()
      }
    }
  }
}

/// One key and what is stored under it.
package struct KeyValue: Equatable, Sendable {
  package var key: [UInt8] = []
  package var createRevision: Int64 = 0
  package var modRevision: Int64 = 0
  package var version: Int64 = 0
  package var value: [UInt8] = []
  /// The lease that the key dies with; 0 for none.
  package var lease: Int64 = 0

  package init(key: [UInt8], value: [UInt8], modRevision: Int64 = 0) {
    self.key = key
    self.value = value
    self.modRevision = modRevision
  }

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: key = try reader.bytes()
      case 2: createRevision = try reader.count()
      case 3: modRevision = try reader.count()
      case 4: version = try reader.count()
      case 5: value = try reader.bytes()
      case 6: lease = try reader.signed()
      default: try reader.skip()
      }
    }
  }
}

/// One change of one key.
package struct Event: Equatable, Sendable {
  package enum Kind: UInt64, Sendable {
    case put = 0
    case delete = 1
  }

  package var kind = Kind.put
  /// For a deletion only the key and `modRevision` mean something.
  package var keyValue: KeyValue
  /// The key and value before the change, if the watch asked for them.
  package var previous: KeyValue?

  package init(_ kind: Kind, _ keyValue: KeyValue) {
    self.kind = kind
    self.keyValue = keyValue
  }

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    keyValue = KeyValue(key: [], value: [])
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1:
        guard let kind = Kind(rawValue: try reader.unsigned()) else {
          throw .unknownValue(field: 1)
        }
        self.kind = kind
      case 2: keyValue = try KeyValue(decoding: reader.bytes())
      case 3: previous = try KeyValue(decoding: reader.bytes())
      default: try reader.skip()
      }
    }
  }
}
