/// Asks for the keys of a range.
package struct RangeRequest: Equatable, Sendable {
  package var range: KeyRange
  /// At most so many keys; 0 for all.
  package var limit: Int64 = 0
  /// As the store was at this revision; 0 for the present one.
  package var revision: Int64 = 0
  /// Answered by the member from what it has, which may be old, without asking the others.
  package var isSerializable = false
  package var keysOnly = false
  package var countOnly = false

  package init(_ range: KeyRange) { self.range = range }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, range.start)
    writer.write(2, range.end)
    writer.write(3, limit)
    writer.write(4, revision)
    writer.write(7, isSerializable)
    writer.write(8, keysOnly)
    writer.write(9, countOnly)
    return writer.bytes
  }
}

package struct RangeResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  package var keyValues: [KeyValue] = []
  /// There are more than the limit asked for.
  package var hasMore = false
  /// How many keys the range has, whatever the limit of the request.
  package var count: Int64 = 0

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: keyValues.append(try KeyValue(decoding: reader.bytes()))
      case 3: hasMore = try reader.flag()
      case 4: count = try reader.count()
      default: try reader.skip()
      }
    }
  }
}
