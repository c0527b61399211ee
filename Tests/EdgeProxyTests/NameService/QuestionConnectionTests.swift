import DNSCore
import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Questions over TCP, RFC 7766")
struct QuestionConnectionTests {
  /// A text whose answer has more than 15 KiB.
  private static let long = ["a.example.org": (0..<60).map { [UInt8](repeating: $0, count: 250) }]
  private static let longName = "_acme-challenge.a.example.org.fleet.example.org"

  @Test(arguments: [1, 2, 3, 29, 1000])
  func `come one behind the other, in any pieces`(pieceBytes: Int) throws {
    let desk = try DeskFixture()
    let client = try desk.connect()
    var bytes: [UInt8] = []
    for id: UInt16 in 1...6 { bytes += try Question.framed(id: id) }
    var rest = bytes[...]
    while !rest.isEmpty {
      client.send(Array(rest.prefix(pieceBytes)))
      rest = rest.dropFirst(pieceBytes)
      try desk.settle()
    }
    let answers = try desk.answers(6, to: client)
    #expect(answers.map(\.id) == Array(1...6))
    #expect(answers.allSatisfy { $0.answers.count == 3 })
    #expect(desk.counts.tcp.now(.noError) == 6 && !client.isEnded)
  }

  @Test func `get answers that no datagram has room for`() throws {
    let desk = try DeskFixture(texts: Self.long)
    let client = try desk.connect()
    client.send(try Question.framed(Self.longName, .text))
    let answer = try #require(try desk.answers(1, to: client).first)
    #expect(answer.answers.count == 60 && !answer.isTruncated)
  }

  /// Lengths that no question has.
  @Test(arguments: [0, 1, 11, QuestionConnection.questionBytesMax + 1, 65_535])
  func `a length that no question has ends the connection behind the answers`(
    length: Int
  ) throws {
    let desk = try DeskFixture()
    let client = try desk.connect()
    client.send(try Question.framed(id: 1) + [UInt8(length >> 8), UInt8(length & 0xff)])
    if length < 12 { client.send([UInt8](repeating: 0, count: length)) }
    client.send(try Question.framed(id: 2))
    #expect(try desk.answers(1, to: client).map(\.id) == [1])
    try desk.settle(untilEnded: client)
    #expect(!client.isReset && desk.counts.cut.now == 1)
    // It waits for the client's end, but not for long.
    #expect(desk.desk.connections.count == 1)
    desk.clock.advance(by: QuestionConnection.endTimeout + .milliseconds(20))
    try desk.settle()
    #expect(desk.desk.connections.isEmpty && desk.counts.connections.now == 0)
  }

  @Test func `a client that goes on after the end is cut`() throws {
    let desk = try DeskFixture()
    let client = try desk.connect()
    client.send([0xff, 0xff])
    try desk.settle(untilEnded: client)
    client.send([UInt8](repeating: 0, count: 200_000))
    try desk.settle(until: {
      client.push()
      return desk.desk.connections.isEmpty
    })
  }

  @Test func `the longest question that is read is answered`() throws {
    let desk = try DeskFixture()
    let client = try desk.connect()
    let long = try Question.bytes() + [UInt8](repeating: 0, count: 4096)
    client.send(Question.frame(Array(long.prefix(QuestionConnection.questionBytesMax))))
    client.send(try Question.framed(id: 2))
    let answers = try desk.answers(2, to: client)
    #expect(answers.map(\.code) == [.malformed, .noError])
  }

  @Test(arguments: [[], [0], [0, 30], [0, 30, 1, 2, 3]] as [[UInt8]])
  func `a client that does not ask is cut, however slowly it sends`(begun: [UInt8]) throws {
    let desk = try DeskFixture()
    let client = try desk.connect()
    for byte in begun {
      client.send([byte])
      desk.clock.advance(by: .milliseconds(900))
      try desk.settle()
    }
    let rest = QuestionConnection.firstTimeout - .milliseconds(900) * begun.count
    desk.clock.advance(by: rest - .milliseconds(20))
    try desk.settle()
    #expect(desk.desk.connections.count == 1)
    desk.clock.advance(by: .milliseconds(40))
    try desk.settle(untilEnded: client)
    #expect(desk.desk.connections.isEmpty && desk.counts.cut.now == 1)
  }

  @Test func `a client that asks has time for its next question`() throws {
    let desk = try DeskFixture()
    let client = try desk.connect()
    for id: UInt16 in 1...4 {
      client.send(try Question.framed(id: id))
      #expect(try desk.answers(1, to: client).map(\.id) == [id])
      desk.clock.advance(by: QuestionConnection.idleTimeout - .milliseconds(20))
      try desk.settle()
      #expect(desk.desk.connections.count == 1)
    }
    // A part of a question is none.
    client.send([0, 40, 1])
    try desk.settle()
    desk.clock.advance(by: .milliseconds(40))
    try desk.settle(untilEnded: client)
  }

  /// Sends more questions than there is room for answers.
  private func askAndTakeNothing(_ desk: DeskFixture, _ client: WireClient) throws -> UInt16 {
    let count: UInt16 = 2000
    for id in 1...count { client.send(try Question.framed(Self.longName, .text, id: id)) }
    var answered = -1
    // Nothing more is answered where the kernel has no room for it.
    try desk.settle(until: {
      client.push()
      defer { answered = desk.counts.tcp.all }
      return answered == desk.counts.tcp.all && answered > 0
    })
    return count
  }

  @Test func `nothing is read from a client that takes no answers, and it is cut`() throws {
    let desk = try DeskFixture(texts: Self.long)
    let client = try desk.connect(receiveBytes: 4096)
    let count = try askAndTakeNothing(desk, client)
    #expect(desk.counts.tcp.all < Int(count))
    let kept = try #require(desk.desk.connections.first).keptBytes
    let bytesMax =
      QuestionConnection.outputBytes + DNSMessage.bytesMax
      + 2 * (QuestionConnection.questionBytesMax + 2)
    #expect(kept > 0 && kept <= bytesMax)
    desk.clock.advance(by: QuestionConnection.idleTimeout + .milliseconds(20))
    try desk.settle()
    #expect(desk.desk.connections.isEmpty && desk.counts.cut.now == 1)
  }

  @Test func `a client that takes its answers late gets all of them in order`() throws {
    let desk = try DeskFixture(texts: Self.long)
    let client = try desk.connect(receiveBytes: 4096)
    let count = try askAndTakeNothing(desk, client)
    let answers = try desk.answers(Int(count), to: client)
    #expect(answers.map(\.id) == Array(1...count))
    #expect(desk.counts.cut.now == 0)
  }

  @Test func `a client that has ended its side still gets its answers`() throws {
    let desk = try DeskFixture(texts: Self.long)
    let client = try desk.connect()
    for id: UInt16 in 1...50 { client.send(try Question.framed(Self.longName, .text, id: id)) }
    client.send([0])
    client.endSending()
    #expect(try desk.answers(50, to: client).map(\.id) == Array(1...50))
    try desk.settle(untilEnded: client)
    #expect(!client.isReset && desk.desk.connections.isEmpty)
  }

  @Test func `a client that breaks off is forgotten`() throws {
    let desk = try DeskFixture(texts: Self.long)
    let clients = try (0..<3).map { _ in try desk.connect(receiveBytes: 4096) }
    clients[0].send([0])
    clients[1].send(try Question.framed())
    _ = try askAndTakeNothing(desk, clients[2])
    for client in clients { client.reset() }
    try desk.settle(until: { desk.desk.connections.isEmpty })
    #expect(desk.counts.connections.now == 0)
  }
}
