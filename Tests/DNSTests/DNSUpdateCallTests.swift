import EventLoop
import TestSupport
import Testing

@testable import DNS
@testable import DNSCore

@Suite("Signed updates, RFC 2136 and RFC 8945")
struct DNSUpdateCallTests {
  private static let now: Int64 = 1_700_000_000
  private let loop: EventLoop
  private let clock = ManualClock()
  private let zone: DNSName
  private let key: TSIGKey
  private let changes: [DNSUpdate.Change]

  init() throws {
    loop = try EventLoop(clock: clock)
    zone = try #require(DNSName("example.org"))
    key = try TSIGKey(
      name: #require(DNSName("edge")), algorithm: .sha256, secret: [UInt8](0..<32))
    let name = try #require(DNSName("_acme-challenge.example.org"))
    changes = [
      .add(name, text: octets("one"), seconds: 60), .add(name, text: octets("two"), seconds: 60),
    ]
  }

  private final class Answer { var outcome: DNSUpdateCall.Outcome? }

  private func update(_ servers: [SocketAddress]) throws -> DNSUpdateCall.Outcome {
    let answer = Answer()
    let call = DNSUpdateCall(changes, of: zone, at: servers, key, on: loop, clock: { Self.now }) {
      answer.outcome = $0
    }
    #expect(answer.outcome == nil)
    while answer.outcome == nil { try loop.turn(mayWait: true) }
    return try withExtendedLifetime(call) { try #require(answer.outcome) }
  }

  /// What the one server's answer comes to, as text.
  private func failure(_ answer: @escaping ([UInt8]) -> [UInt8]) throws -> String {
    let server = try ScriptedNameServer(on: loop) { message, _ in [answer(message)] }
    defer { server.end() }
    guard case .failure(let error) = try update([server.address]) else { return "" }
    #expect(error.failures.map(\.server) == [server.address])
    return "\(error)".replacing("\(server.address)", with: "SERVER")
  }

  @Test func `an update goes over TCP, is signed, and is made when a signed answer says so`() throws
  {
    var verified: DNSMessage?
    let server = try ScriptedNameServer(on: loop) { message, _ in
      verified = try? TSIG.verify(message, key, request: nil, at: Self.now)
      return [NameServerAnswers.signed(to: message, .noError, key, at: Self.now)]
    }
    #expect(try update([server.address]).get() == server.address)
    #expect(server.asked.map(\.carrier) == [.tcp])
    let message = try #require(verified)
    #expect(message.operation == .update && message.authorities == changes.map(\.record))
    #expect(message.questions == [DNSQuestion(name: zone, type: .authority)])
    server.end()
  }

  @Test(arguments: [
    (DNSCode.refused, "allow-update"), (.notAuthorized, "not the primary"),
    (.notInZone, "NOTZONE"), (.notImplemented, "takes no updates"), (.serverFailed, "journal"),
    (.malformed, "FORMERR"), (DNSCode(rawValue: 12), "code 12"),
  ])
  func `a refusal is told with what to do`(code: DNSCode, words: String) throws {
    let text = try failure { NameServerAnswers.signed(to: $0, code, key, at: Self.now) }
    #expect(text.contains(words) && text.contains("SERVER"))
  }

  @Test func `an answer without a signature is no success`() throws {
    let text = try failure { NameServerAnswers.answer(to: $0) }
    #expect(text.contains("SERVER answers NOERROR without a signature by the key 'edge'"))
    #expect(try failure { NameServerAnswers.answer(to: $0, .refused) }.contains("REFUSED"))
  }

  @Test func `a signature by another secret is no success`() throws {
    let other = try TSIGKey(
      name: key.name, algorithm: .sha256, secret: [UInt8](repeating: 1, count: 32))
    let text = try failure { NameServerAnswers.signed(to: $0, .noError, other, at: Self.now) }
    #expect(text.contains("wrong signature"))
  }

  @Test(arguments: [(Int64(400), "400 s ahead of"), (-400, "400 s behind")])
  func `a clock that is wrong is told with the server's name`(ahead: Int64, words: String) throws {
    let text = try failure { NameServerAnswers.signed(to: $0, .noError, key, at: Self.now + ahead) }
    #expect(text.contains("the clock of SERVER is \(words) ours"))
  }

  @Test(arguments: [
    (UInt8(16), "another secret for the key 'edge' (BADSIG)"),
    (17, "does not know the key 'edge' (BADKEY)"), (22, "BADTRUNC"),
  ])
  func `a server that cannot check the signature says why`(error: UInt8, words: String) throws {
    let text = try failure { message in
      guard var answer = try? DNSMessage(decoding: NameServerAnswers.answer(to: message)) else {
        return []
      }
      answer.code = .notAuthorized
      let content =
        TSIGAlgorithm.sha256.name.wire + [0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0, 1, 0, error, 0, 0]
      answer.additionals = [
        DNSRecord(name: key.name, domain: .any, seconds: 0, data: .other(.signature, content))
      ]
      return (try? answer.encoded()) ?? []
    }
    #expect(text.contains(words))
  }

  @Test func `the next server is asked where one refuses, ends the connection or is not there`()
    throws
  {
    let refusing = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.signed(to: message, .refused, key, at: Self.now)]
    }
    let foreign = try ScriptedNameServer(on: loop) { _, _ in [[1, 2, 3]] }
    let holder = try Datagram.bind(
      try #require(SocketAddress(ip: "127.0.0.1", port: 0)), bufferBytes: 1024)
    let closed = try #require(Socket.localAddress(holder.raw))
    let silent = try ScriptedNameServer(on: loop) { _, _ in
      clock.advance(by: .seconds(11))
      return []
    }
    let good = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.signed(to: message, .noError, key, at: Self.now)]
    }
    let bad = [refusing.address, foreign.address, closed, silent.address]
    #expect(try update(bad + [good.address]).get() == good.address)
    guard case .failure(let error) = try update(bad) else {
      Issue.record("an update")
      return
    }
    #expect(error.failures.map(\.server) == bad)
    #expect(error.failures.map(\.reason).dropLast().dropFirst().first == .call(.otherAnswer))
    #expect(error.failures.last?.reason == .call(.timedOut))
    #expect("\(error)".contains("\(closed): connect: Connection refused"))
    withExtendedLifetime(holder.raw) {}
    for server in [refusing, foreign, silent, good] { server.end() }
  }

  @Test func `without a server nothing is changed`() throws {
    guard case .failure(let error) = try update([]) else {
      Issue.record("an update")
      return
    }
    #expect(error.failures.isEmpty)
  }
}
