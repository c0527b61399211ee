import DNS
import DNSCore
import EventLoop
import TestSupport
import Testing

@Suite("Questions to name servers")
struct DNSQueryTests {
  private let loop: EventLoop
  private let clock = ManualClock()
  private let name: DNSName
  private let record: DNSRecord

  init() throws {
    loop = try EventLoop(clock: clock)
    name = try #require(DNSName("_acme-challenge.example.org"))
    record = DNSRecord(name: name, seconds: 60, data: .text(octets("abc")))
  }

  private final class Answer { var outcome: DNSQuery.Outcome? }

  /// Turns until there is an answer.
  private func ask(
    _ servers: [SocketAddress], recursive: Bool = false
  ) throws -> DNSQuery.Outcome {
    let answer = Answer()
    let query = DNSQuery(name, .text, at: servers, recursive: recursive, on: loop) {
      answer.outcome = $0
    }
    #expect(answer.outcome == nil)
    while answer.outcome == nil { try loop.turn(mayWait: true) }
    return try withExtendedLifetime(query) { try #require(answer.outcome) }
  }

  @Test(arguments: [true, false])
  func `an answer comes over UDP, and a name that is not there is one`(
    isThere: Bool
  ) throws {
    let server = try ScriptedNameServer(on: loop) { message, _ in
      [
        NameServerAnswers.answer(
          to: message, isThere ? .noError : .noSuchName, isThere ? [record] : [])
      ]
    }
    let answer = try ask([server.address], recursive: isThere).get()
    #expect(answer.answers == (isThere ? [record] : []))
    #expect(server.asked.map(\.carrier) == [.udp])
    let asked = try #require(server.asked.first?.message)
    #expect(asked.wantsRecursion == isThere && asked.operation == .query && !asked.isAnswer)
    #expect(asked.questions == [DNSQuestion(name: name, type: .text)])
    #expect(asked.additionals.map(\.type) == [.options])
    server.end()
  }

  @Test(arguments: [Int.max, 1, 2, 7])
  func `an answer that does not fit comes over TCP, in any pieces`(pieceBytes: Int) throws {
    let records = (0..<40).map { number in
      DNSRecord(
        name: name, seconds: 60, data: .text([UInt8](repeating: UInt8(number), count: 255)))
    }
    let server = try ScriptedNameServer(on: loop) { message, carrier in
      let isWhole = carrier == .tcp
      return [
        NameServerAnswers.answer(
          to: message, .noError, isWhole ? records : [], isTruncated: !isWhole)
      ]
    }
    server.pieceBytes = pieceBytes
    #expect(try ask([server.address]).get().answers == records)
    #expect(server.asked.map(\.carrier) == [.udp, .tcp])
    server.end()
  }

  @Test func `a datagram that is no answer is passed over`() throws {
    let server = try ScriptedNameServer(on: loop) { message, _ in
      let answer = NameServerAnswers.answer(to: message, .noError, [record])
      var renumbered = answer
      renumbered[1] ^= 1
      var asked = answer
      asked[15] ^= 1
      let forged = NameServerAnswers.answer(to: message, .noSuchName)
      var other = forged
      other[0] ^= 1
      return [[], [0], message, renumbered, asked, other, Array(answer.dropLast()), answer]
    }
    #expect(try ask([server.address]).get().answers == [record])
    server.end()
  }

  @Test func `a datagram that is lost is sent again`() throws {
    var isLost = true
    let server = try ScriptedNameServer(on: loop) { message, _ in
      defer { isLost = false }
      return isLost ? [] : [NameServerAnswers.answer(to: message, .noError, [record])]
    }
    let answer = Answer()
    let query = DNSQuery(name, .text, at: [server.address], recursive: false, on: loop) {
      answer.outcome = $0
    }
    while server.asked.isEmpty { try loop.turn(mayWait: true) }
    #expect(answer.outcome == nil)
    clock.advance(by: .milliseconds(1100))
    while answer.outcome == nil { try loop.turn(mayWait: true) }
    let outcome = withExtendedLifetime(query) { answer.outcome }
    #expect(try outcome?.get().answers == [record])
    #expect(server.asked.count == 2)
    server.end()
  }

  @Test func `the next server is asked where one fails or is silent`() throws {
    let failing = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message, .serverFailed)]
    }
    let silent = try ScriptedNameServer(on: loop) { _, _ in
      clock.advance(by: .seconds(4))
      return []
    }
    let good = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message, .noError, [record])]
    }
    let servers = [failing.address, silent.address, good.address]
    #expect(try ask(servers).get().answers == [record])
    guard case .failure(let error) = try ask([failing.address, silent.address]) else {
      Issue.record("an answer")
      return
    }
    #expect("\(error)".contains("\(failing.address): it answers SERVFAIL"))
    #expect("\(error)".contains("\(silent.address): no answer in time"))
    for server in [failing, silent, good] { server.end() }
  }

  @Test func `a port that nobody listens at fails at once`() throws {
    let holder = try Socket.listen(
      try #require(SocketAddress(ip: "127.0.0.1", port: 0)), reusePort: false)
    let address = try #require(Socket.localAddress(holder.raw))
    // The port is taken for TCP, so no other test has it; nobody listens at it for UDP.
    guard case .failure(let error) = try ask([address]) else {
      Issue.record("an answer")
      return
    }
    #expect("\(error)" == "\(address): read: Connection refused")
    withExtendedLifetime(holder.raw) {}
  }

  @Test func `without a server there is no answer`() throws {
    guard case .failure = try ask([]) else {
      Issue.record("an answer")
      return
    }
  }

  @Test func `a question that was given up is not answered`() throws {
    let server = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message, .noError, [record])]
    }
    let answer = Answer()
    let query = DNSQuery(name, .text, at: [server.address], recursive: false, on: loop) {
      answer.outcome = $0
    }
    query.cancel()
    // Another one, begun later, comes back.
    #expect(try ask([server.address]).get().answers == [record])
    #expect(answer.outcome == nil)
    server.end()
  }
}
