import Testing

@testable import Configuration

@Suite("What a node must say first")
struct GreetingTests {
  private static let handshake: [UInt8] = [74, 0, 0, 0, 10] + Array("5.7.25-TiDB\0".utf8)

  @Test func `no greeting is good at once`() {
    let nothing: [UInt8] = []
    #expect(Greeting.none.judge(nothing.span) == .good)
  }

  @Test func `any byte is a greeting`() {
    let (nothing, byte): ([UInt8], [UInt8]) = ([], [0])
    #expect(Greeting.any.judge(nothing.span) == .incomplete)
    #expect(Greeting.any.judge(byte.span) == .good)
  }

  @Test func `a handshake is judged when its first five bytes are there`() {
    let bytes = Self.handshake
    for count in 0...bytes.count {
      let verdict = Greeting.mysql.judge(bytes.span.extracting(0..<count))
      #expect(verdict == (count < 5 ? .incomplete : .good))
    }
  }

  @Test func `an error packet is a refusal`() {
    let bytes: [UInt8] = [23, 0, 0, 0, 0xFF, 0x10, 0x04]
    #expect(Greeting.mysql.judge(bytes.span) == .refusal)
  }

  @Test(
    arguments: [
      [74, 0, 0, 1, 10], [0, 0, 0, 0, 10], [74, 0, 0, 0, 9], Array("SSH-2.0".utf8),
    ] as [[UInt8]])
  func `what is no handshake is malformed`(bytes: [UInt8]) {
    #expect(Greeting.mysql.judge(bytes.span) == .malformed)
  }
}
