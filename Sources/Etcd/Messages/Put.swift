/// Stores a value under a key.
package struct PutRequest: Equatable, Sendable {
  package var key: [UInt8]
  package var value: [UInt8]
  /// The lease that the key dies with; 0 for none.
  package var lease: Int64 = 0
  /// Answer with what was there before.
  package var wantsPrevious = false

  package init(key: [UInt8], value: [UInt8], lease: Int64 = 0) {
    self.key = key
    self.value = value
    self.lease = lease
  }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, key)
    writer.write(2, value)
    writer.write(3, lease)
    writer.write(4, wantsPrevious)
    return writer.bytes
  }
}

package struct PutResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  package var previous: KeyValue?

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: previous = try KeyValue(decoding: reader.bytes())
      default: try reader.skip()
      }
    }
  }
}
