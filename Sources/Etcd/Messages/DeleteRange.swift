/// Deletes the keys of a range.
package struct DeleteRangeRequest: Equatable, Sendable {
  package var range: KeyRange
  /// Answer with what was there before.
  package var wantsPrevious = false

  package init(_ range: KeyRange) { self.range = range }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, range.start)
    writer.write(2, range.end)
    writer.write(3, wantsPrevious)
    return writer.bytes
  }
}

package struct DeleteRangeResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  /// How many keys there were.
  package var deleted: Int64 = 0
  package var previous: [KeyValue] = []

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: deleted = try reader.count()
      case 3: previous.append(try KeyValue(decoding: reader.bytes()))
      default: try reader.skip()
      }
    }
  }
}
