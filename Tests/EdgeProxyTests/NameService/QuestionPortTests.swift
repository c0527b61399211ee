import DNSCore
import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Questions over UDP")
struct QuestionPortTests {
  private final class Client {
    let descriptor: FileDescriptor
    let server: SocketAddress

    init(of desk: DeskFixture, from host: String = "127.0.0.1") throws {
      let any = try #require(SocketAddress(ip: host, port: 0))
      descriptor = try Datagram.bind(any, bufferBytes: 1 << 20)
      server = desk.address
    }

    func ask(_ message: [UInt8]) {
      Datagram.send(message, to: server, through: descriptor.raw)
    }

    /// What has come since the last call.
    func answers() throws -> [DNSMessage] {
      var answers: [DNSMessage] = []
      var block = [UInt8](repeating: 0, count: DNSMessage.bytesMax)
      while true {
        var space = block.mutableSpan
        guard
          case .datagram(let count, let from) = Datagram.receive(descriptor.raw, into: &space)
        else { return answers }
        #expect(from == server)
        answers.append(try DNSMessage(decoding: Array(block.prefix(count))))
      }
    }
  }

  @Test func `each is answered, with another address first`() throws {
    let desk = try DeskFixture()
    let client = try Client(of: desk)
    for id: UInt16 in 1...3 { client.ask(try Question.bytes(id: id)) }
    try desk.settle(until: { desk.counts.udp.all == 3 })
    let answers = try client.answers()
    #expect(answers.map(\.id) == [1, 2, 3])
    #expect(answers.allSatisfy { $0.isAuthoritative && $0.code == .noError && !$0.hasRecursion })
    #expect(answers.allSatisfy { $0.answers.count == 3 })
    #expect(Set(answers.map(\.answers.first)).count == 3)
    #expect(desk.counts.kinds.now(.addresses) == 3)
  }

  @Test func `what is no question gets no answer`() throws {
    let desk = try DeskFixture()
    let client = try Client(of: desk)
    var answer = try Question.bytes()
    answer[2] |= 0x80
    let long = try Question.bytes() + [UInt8](repeating: 0, count: QuestionPort.questionBytesMax)
    let others = [[], [0], [UInt8](repeating: 0, count: 11), answer, long]
    for message in others { client.ask(message) }
    client.ask(try Question.bytes(id: 99))
    try desk.settle(until: { desk.counts.udp.all == 1 })
    #expect(desk.counts.ignored.now == others.count)
    #expect(try client.answers().map(\.id) == [99])
  }

  @Test func `a flood leaves others their turn`() throws {
    let desk = try DeskFixture()
    let flood = try Client(of: desk)
    let patient = try desk.connect()
    let count = 4 * QuestionPort.datagramsPerTurn
    for _ in 0..<count { flood.ask(try Question.bytes("x.example.com")) }
    patient.send(try Question.framed(id: 5))
    // Everything is there before the first of these turns, but for what TCP takes its time with.
    try desk.loop.turn(mayWait: false)
    #expect(desk.counts.udp.all == QuestionPort.datagramsPerTurn)
    #expect(try desk.answers(1, to: patient).map(\.id) == [5])
    try desk.settle(until: { desk.counts.udp.all == count })
    #expect(desk.counts.udp.now(.refused) == count)
  }

  @Test func `a network that asks too often is led to TCP or gets nothing`() throws {
    let desk = try DeskFixture(answersPerSecond: 10)
    let neighbour = try Client(of: desk, from: "127.0.0.9")
    let client = try Client(of: desk)
    for id: UInt16 in 1...10 { client.ask(try Question.bytes(id: id)) }
    for id: UInt16 in 11...30 { neighbour.ask(try Question.bytes(id: id)) }
    try desk.settle(until: { desk.counts.dropped.now == 10 })
    #expect(desk.counts.udp.all == 10 && desk.counts.shortened.now == 10)
    #expect(try client.answers().map(\.id) == Array(1...10))
    let led = try neighbour.answers()
    #expect(led.count == 10)
    #expect(led.allSatisfy { $0.isTruncated && $0.answers.isEmpty && $0.questions.count == 1 })
    // Another network is not concerned, nor is TCP, nor the same network a second later.
    let stranger = try Client(of: desk, from: "127.0.1.1")
    stranger.ask(try Question.bytes(id: 31))
    let stream = try desk.connect()
    for id: UInt16 in 1...20 { stream.send(try Question.framed(id: id)) }
    #expect(try desk.answers(20, to: stream).map(\.id) == Array(1...20))
    #expect(try stranger.answers().map(\.isTruncated) == [false])
    desk.clock.advance(by: .seconds(1))
    for id: UInt16 in 41...45 { client.ask(try Question.bytes(id: id)) }
    try desk.settle(until: { desk.counts.udp.all == 16 })
    #expect(try client.answers().map(\.answers.count) == [3, 3, 3, 3, 3])
  }

  @Test func `an answer that a client does not take is that one's own loss`() throws {
    let desk = try DeskFixture()
    do {
      let gone = try Client(of: desk)
      for _ in 0..<10 { gone.ask(try Question.bytes()) }
    }
    let client = try Client(of: desk)
    client.ask(try Question.bytes(id: 3))
    try desk.settle(until: { desk.counts.udp.all == 11 })
    #expect(try client.answers().map(\.id) == [3])
  }

  @Test func `an address that is closed answers nobody`() throws {
    let desk = try DeskFixture()
    let client = try Client(of: desk)
    client.ask(try Question.bytes())
    desk.desk.close(desk.address, .udp)
    try desk.settle()
    #expect(try client.answers().isEmpty)
    // Nobody has it any more.
    _ = try Datagram.bind(desk.address, bufferBytes: 4096)
  }
}
