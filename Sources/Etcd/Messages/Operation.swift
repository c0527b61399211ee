/// One step of a transaction.
package enum RequestOp: Equatable, Sendable {
  case range(RangeRequest)
  case put(PutRequest)
  case deleteRange(DeleteRangeRequest)
  case txn(TxnRequest)

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    switch self {
    case .range(let request): writer.write(1, message: request.encoded())
    case .put(let request): writer.write(2, message: request.encoded())
    case .deleteRange(let request): writer.write(3, message: request.encoded())
    case .txn(let request): writer.write(4, message: request.encoded())
    }
    return writer.bytes
  }
}

/// What became of one step of a transaction.
package enum ResponseOp: Equatable, Sendable {
  case range(RangeResponse)
  case put(PutResponse)
  case deleteRange(DeleteRangeResponse)
  case txn(TxnResponse)

  /// How deep transactions may stand within transactions; ours never do.
  static let nestingMax = 4

  /// Reads a step; one of a kind we do not know is refused.
  init(decoding bytes: [UInt8], depth: Int) throws(ProtobufError) {
    var read: ResponseOp?
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: read = .range(try RangeResponse(decoding: reader.bytes()))
      case 2: read = .put(try PutResponse(decoding: reader.bytes()))
      case 3: read = .deleteRange(try DeleteRangeResponse(decoding: reader.bytes()))
      case 4: read = .txn(try TxnResponse(decoding: reader.bytes(), depth: depth + 1))
      default: try reader.skip()
      }
    }
    guard let read else { throw .unknownValue(field: 3) }
    self = read
  }
}
