/// Asks one member how it is; needs neither a majority nor a user.
package struct StatusRequest: Equatable, Sendable {
  package init() {}

  package func encoded() -> [UInt8] { [] }
}

package struct StatusResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  package var version = ""
  package var databaseBytes: Int64 = 0
  /// The member that leads; 0 where there is none.
  package var leader: UInt64 = 0
  package var raftIndex: UInt64 = 0
  package var raftTerm: UInt64 = 0
  package var raftAppliedIndex: UInt64 = 0
  package var errors: [String] = []
  package var databaseBytesInUse: Int64 = 0
  package var isLearner = false

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: version = try reader.text()
      case 3: databaseBytes = try reader.count()
      case 4: leader = try reader.unsigned()
      case 5: raftIndex = try reader.unsigned()
      case 6: raftTerm = try reader.unsigned()
      case 7: raftAppliedIndex = try reader.unsigned()
      case 8: errors.append(try reader.text())
      case 9: databaseBytesInUse = try reader.count()
      case 10: isLearner = try reader.flag()
      default: try reader.skip()
      }
    }
  }
}
