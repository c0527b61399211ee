/// Steps that happen all or not at all: `success` if every comparison holds, else `failure`.
package struct TxnRequest: Equatable, Sendable {
  package var compare: [Compare]
  package var success: [RequestOp]
  package var failure: [RequestOp]

  package init(compare: [Compare], success: [RequestOp], failure: [RequestOp] = []) {
    self.compare = compare
    self.success = success
    self.failure = failure
  }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    for comparison in compare { writer.write(1, message: comparison.encoded()) }
    for step in success { writer.write(2, message: step.encoded()) }
    for step in failure { writer.write(3, message: step.encoded()) }
    return writer.bytes
  }
}

package struct TxnResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  /// Whether the comparisons held.
  package var succeeded = false
  /// One for each step that was taken, in their order.
  package var responses: [ResponseOp] = []

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    try self.init(decoding: bytes, depth: 0)
  }

  init(decoding bytes: [UInt8], depth: Int) throws(ProtobufError) {
    guard depth <= ResponseOp.nestingMax else { throw .tooDeep }
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: succeeded = try reader.flag()
      case 3: responses.append(try ResponseOp(decoding: reader.bytes(), depth: depth))
      default: try reader.skip()
      }
    }
  }
}
