import DNSCore
import TestSupport
import Testing

@Suite("Messages, RFC 1035 §4")
struct DNSMessageTests {
  private func file(_ name: String) throws -> [UInt8] {
    try #require(RepositoryFiles.read("Tests/Corpora/DNS/\(name)"))
  }

  @Test func `a message of another program is read with its compressed names`() throws {
    let message = try DNSMessage(decoding: file("many-records"))
    #expect(message.id == 0x1234 && message.isAnswer && message.isAuthoritative)
    #expect(message.wantsRecursion && !message.isTruncated && message.code == .noError)
    let name = try #require(DNSName("_acme-challenge.example.org"))
    let other = try #require(DNSName("x.example.org"))
    #expect(message.questions == [DNSQuestion(name: name, type: .text)])
    #expect(message.answers.map(\.name) == [name, other, other, other])
    #expect(message.answers.map(\.type) == [.alias, .text, .ipv4, .ipv6])
    #expect(message.answers[0].data == .alias(other) && message.answers[0].seconds == 60)
    #expect(message.answers[1].text == octets("onetwo") && message.answers[0].text == nil)
    #expect(message.answers[2].data == .ipv4([192, 0, 2, 1]))
    let primary = try #require(DNSName("ns1.example.org"))
    guard case .authority(let zone) = message.authorities[0].data else {
      Issue.record("no SOA")
      return
    }
    #expect(zone.primary == primary && zone.serial == 7 && zone.minimum == 60)
    #expect(message.authorities[1].data == .nameServer(primary))
    #expect(message.additionals[0].type == DNSType(rawValue: 257))
    // Written again it is as short: the names are compressed as they were.
    #expect(try message.encoded() == file("many-records"))
  }

  @Test(arguments: [
    ("pointer-to-itself", DNSMessageError.pointer), ("pointer-forward", .pointer),
    ("pointers-in-a-circle", .pointer), ("label-of-an-unknown-kind", .label),
    ("name-too-long", .nameTooLong), ("counts-that-lie", .truncated),
    ("text-longer-than-its-record", .truncated), ("address-of-five-bytes", .record(.ipv4)),
    ("bytes-behind", .trailingBytes),
  ])
  func `a malformed message is refused with the reason`(
    name: String, error: DNSMessageError
  ) throws {
    let bytes = try file(name)
    #expect(throws: error) { try DNSMessage(decoding: bytes) }
  }

  @Test func `the longest name is read`() throws {
    let message = try DNSMessage(decoding: file("longest-name"))
    #expect(message.questions[0].name.wire.count == DNSName.bytesMax)
  }

  @Test func `an update says what to add and what to take away`() throws {
    let zone = try #require(DNSName("Example.ORG"))
    let name = try #require(zone.prepending("_acme-challenge"))
    let message = DNSUpdate.message(
      id: 0x1234, zone: zone, [.add(name, text: octets("abc"), seconds: 60)])
    let known = try DNSMessage(decoding: file("update-sha256"))
    #expect(message.operation == .update && message.questions == known.questions)
    #expect(message.authorities == known.authorities)
    let removal = DNSUpdate.message(id: 1, zone: zone, [.remove(name, text: octets("abc"))])
    #expect(removal.authorities.map(\.domain) == [.none])
    #expect(removal.authorities.map(\.seconds) == [0])
  }

  @Test(arguments: [0, 1, 255, 256, 600])
  func `a text of any length goes into one record and comes back`(count: Int) throws {
    let name = try #require(DNSName("a"))
    let text = [UInt8](repeating: 0x61, count: count)
    var message = DNSMessage(id: 1)
    message.answers = [DNSRecord(name: name, seconds: 1, data: .text(text))]
    #expect(try DNSMessage(decoding: message.encoded()).answers.map(\.text) == [text])
  }

  @Test func `what does not fit is not written`() throws {
    let name = try #require(DNSName("a"))
    var message = DNSMessage(id: 1)
    message.answers = [
      DNSRecord(name: name, seconds: 1, data: .text([[UInt8](repeating: 0, count: 256)]))
    ]
    #expect(throws: DNSMessageError.record(.text)) { try message.encoded() }
    func record(bytes: Int) -> DNSRecord {
      DNSRecord(
        name: name, seconds: 1,
        data: .other(DNSType(rawValue: 9), [UInt8](repeating: 0, count: bytes)))
    }
    message.answers = [record(bytes: 40_000), record(bytes: 40_000)]
    #expect(throws: DNSMessageError.tooLarge) { try message.encoded() }
    message.answers = [record(bytes: 65_536)]
    #expect(throws: DNSMessageError.tooLarge) { try message.encoded() }
  }

  @Test func `an answer has the number, the kind and the question of what was asked`() throws {
    let name = try #require(DNSName("a.test"))
    var asked = DNSMessage(id: 7)
    asked.questions = [DNSQuestion(name: name, type: .text)]
    var answer = asked
    #expect(!answer.answers(asked))
    answer.isAnswer = true
    #expect(answer.answers(asked))
    var other = answer
    other.id = 8
    #expect(!other.answers(asked))
    other = answer
    other.questions[0].type = .ipv4
    #expect(!other.answers(asked))
    // An answer without the question is one where something went wrong, or to an update.
    other = answer
    other.questions = []
    #expect(!other.answers(asked))
    other.code = .malformed
    #expect(other.answers(asked))
    asked.operation = .update
    other.code = .noError
    #expect(!other.answers(asked))
    other.operation = .update
    #expect(other.answers(asked))
  }

  @Test func `what holds for every input holds for these`() throws {
    let files = RepositoryFiles.list("Tests/Corpora/DNS")
    #expect(files.count > 20)
    for file in files {
      let input = try #require(RepositoryFiles.read(file))
      #expect(ParserProperties.dns(input) == nil, "\(file)")
      // One byte of it is another, or it ends there.
      for place in input.indices {
        var changed = input
        changed[place] &+= 0x41
        #expect(ParserProperties.dns(changed) == nil, "\(file), \(place)")
        #expect(ParserProperties.dns(Array(input[..<place])) == nil, "\(file), \(place)")
      }
    }
    for input in FuzzInputs(seed: 18, count: 2000, bytesMax: 200) {
      #expect(ParserProperties.dns(input) == nil)
    }
  }
}
