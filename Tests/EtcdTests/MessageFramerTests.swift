import Etcd
import TestSupport
import Testing

@Suite("Messages in a stream")
struct MessageFramerTests {
  @Test(arguments: ["watch", "watch-compacted", "range-prefix", "status"])
  func `are the same wherever they are cut`(name: String) throws {
    let input = try captured("\(name).resp")
    let fed = EverySplit.feed(input) { input, ends in
      var framer = MessageFramer()
      var messages: [[UInt8]] = []
      var start = 0
      for end in ends {
        messages += (try? framer.receive(Array(input[start..<end]))) ?? [[0xff]]
        start = end
      }
      return messages + [[framer.isBetweenMessages ? 1 : 0]]
    }
    #expect(fed.differing.isEmpty)
    #expect(try fed.whole == messages("\(name).resp") + [[1]])
  }

  @Test func `are read back as they were sent`() throws {
    let sent: [[UInt8]] = [[], [1], Array(repeating: 7, count: 70_000), []]
    var framer = MessageFramer()
    #expect(try framer.receive(sent.flatMap { MessageFramer.frame($0) }) == sent)
    #expect(framer.isBetweenMessages)
  }

  @Test func `one that has only begun is waited for`() throws {
    var framer = MessageFramer()
    #expect(try framer.receive([0, 0, 0]).isEmpty)
    #expect(!framer.isBetweenMessages)
    #expect(try framer.receive([0, 2, 5]).isEmpty)
    #expect(try framer.receive([6]) == [[5, 6]])
  }

  @Test func `one that is compressed is refused, and nothing is read after it`() throws {
    var framer = MessageFramer()
    #expect(throws: FramingError.compressed) { try framer.receive([1]) }
    #expect(try framer.receive(MessageFramer.frame([1])).isEmpty)
  }

  @Test func `one of 16 MiB is taken, one byte more is refused at its prefix`() throws {
    var framer = MessageFramer()
    let most = [UInt8](repeating: 0, count: MessageFramer.messageBytesMax)
    #expect(try framer.receive(MessageFramer.frame(most)) == [most])
    #expect(throws: FramingError.tooLong(bytes: MessageFramer.messageBytesMax + 1)) {
      try framer.receive([0, 1, 0, 0, 1])
    }
  }
}
