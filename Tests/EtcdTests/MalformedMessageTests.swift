import Etcd
import TestSupport
import Testing

@Suite("Malformed messages")
struct MalformedMessageTests {
  private static let cases: [([UInt8], ProtobufError)] = [
    // A tag without a value, a number that does not end.
    ([0x10], .truncated), ([0x10, 0x80], .truncated),
    ([0x80], .truncated),
    // Eleven bytes, and ten with more than 64 bits.
    ([0x10] + Array(repeating: 0x80, count: 10) + [0], .numberTooLong),
    ([0x10] + Array(repeating: 0xff, count: 9) + [2], .numberTooLong),
    // Lengths of more than there is, up to 2^64 - 1.
    ([0x0a, 1], .lengthBeyondMessage), ([0x0a, 0x7f, 0], .lengthBeyondMessage),
    ([0x0a] + Array(repeating: 0xff, count: 9) + [1], .lengthBeyondMessage),
    ([0x7a, 2, 0], .lengthBeyondMessage),
    // Field 0 and one above 2^29 - 1.
    ([0x00, 0], .badFieldNumber), ([0x80, 0x80, 0x80, 0x80, 0x10, 0], .badFieldNumber),
    (Array(repeating: 0xff, count: 9) + [1], .badFieldNumber),
    // Groups and what nobody defined.
    ([0x7b, 0x7c], .badWireType(3)), ([0x7c], .badWireType(4)), ([0x7e], .badWireType(6)),
    ([0x7f], .badWireType(7)),
    // Fixed numbers cut short.
    ([0x7d, 1, 2, 3], .truncated), ([0x79, 1, 2, 3, 4, 5, 6, 7], .truncated),
    // Known fields of another type.
    ([0x08, 1], .unexpectedWireType(field: 1)), ([0x12, 1, 0], .unexpectedWireType(field: 2)),
    ([0x5d, 1, 2, 3, 4], .unexpectedWireType(field: 11)),
    // What is not text, what is no kind of event.
    ([0x32, 2, 0xc3, 0x28], .badText(field: 6)),
    ([0x5a, 2, 0x08, 2], .unknownValue(field: 1)),
  ]

  @Test(arguments: cases)
  func `are refused with what is wrong`(input: [UInt8], error: ProtobufError) {
    #expect(throws: error) { try WatchResponse(decoding: input) }
  }

  @Test func `a message cut short is refused or another, never read beyond its end`() throws {
    for name in ["range", "range-prefix", "txn-create2", "watch", "status", "delete"] {
      for message in try messages("\(name).resp") {
        for end in message.indices {
          let framed = MessageFramer.frame(Array(message[..<end]))
          #expect(ParserProperties.etcdMessages(framed) == nil, "\(name), \(end)")
        }
      }
    }
  }

  @Test func `any byte may be another`() throws {
    for name in ["watch", "txn-create2"] {
      let input = try captured("\(name).resp")
      for place in input.indices {
        for byte: UInt8 in [0, 1, 0x7f, 0x80, 0xff, input[place] ^ 8] {
          var changed = input
          changed[place] = byte
          #expect(ParserProperties.etcdMessages(changed) == nil, "\(name), \(place), \(byte)")
        }
      }
    }
  }

  @Test func `transactions within transactions are read to a depth`() throws {
    var answer: [UInt8] = [0x10, 1]
    for _ in 0..<4 { answer = nested(answer) }
    #expect(try TxnResponse(decoding: answer).responses.count == 1)
    let deeper = nested(answer)
    #expect(throws: ProtobufError.tooDeep) { try TxnResponse(decoding: deeper) }
  }

  /// A transaction with a transaction for its only step.
  private func nested(_ inner: [UInt8]) -> [UInt8] {
    let step = [0x22, UInt8(inner.count)] + inner
    return [0x1a, UInt8(step.count)] + step
  }

  @Test func `a step of a kind unknown is refused`() {
    #expect(throws: ProtobufError.unknownValue(field: 3)) {
      try TxnResponse(decoding: [0x1a, 2, 0x2a, 0])
    }
  }

  @Test func `what fuzzers begin with or found holds`() throws {
    let files = RepositoryFiles.list("Tests/Corpora/EtcdMessages")
    #expect(files.count > 20)
    for file in files {
      let input = try #require(RepositoryFiles.read(file))
      #expect(ParserProperties.etcdMessages(input) == nil, "\(file)")
    }
  }
}
