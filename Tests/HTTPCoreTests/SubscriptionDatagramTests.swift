import HTTPCore
import TestSupport
import Testing

@Suite("Subscription datagrams")
struct SubscriptionDatagramTests {
  private func captured(_ name: String) throws -> [UInt8] {
    try #require(RepositoryFiles.read("Tests/Vectors/sub-\(name).bin"))
  }

  private func read(_ bytes: [UInt8]) throws(SubscriptionError) -> SubscriptionDatagram {
    try SubscriptionDatagram(bytes.span)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// A datagram of these pairs.
  private func made(_ pairs: [(String, String)], command: UInt8 = 0) -> [UInt8] {
    var block: [UInt8] = []
    for word in pairs.flatMap({ [$0.0, $0.1] }) {
      block += [UInt8(word.utf8.count & 255), UInt8(word.utf8.count >> 8)] + Array(word.utf8)
    }
    return [224, UInt8(block.count & 255), UInt8(block.count >> 8), command] + block
  }

  private let least = [("key", "a.example"), ("address", "10.0.0.1:1")]

  @Test func `what uWSGI sends by subscribe-to is read`() throws {
    let plain = try read(captured("plain-subscribe"))
    #expect(plain.command == .announce)
    #expect(text(plain.key) == "app1.example.co.uk")
    #expect(text(plain.address) == "127.0.0.1:37867")
    #expect(plain.cores == 1 && plain.weight == 0 && plain.modifier1 == 0)
    #expect(plain.signature == nil && plain.time == nil)
    #expect(try read(captured("plain-unsubscribe")).command == .withdraw)
    #expect(try read(captured("unixdgram-subscribe")).cores == 1)
  }

  @Test func `what uWSGI sends by subscribe2 is read`() throws {
    let full = try read(captured("subscribe2-sni-notify"))
    #expect(full.weight == 5 && full.cores == 2 && full.namesCertificate)
    #expect(!full.notify.isEmpty)
    let given = try read(captured("subscribe2-addr"))
    #expect(text(given.address) == "10.0.0.5:3031" && given.weight == 6)
    let next = try read(captured("v21dev-subscribe2"))
    #expect(next.backup == 1 && next.isOtherProtocol && next.weight == 3)
  }

  @Test func `an address that is cleared is one that goes`() throws {
    #expect(try read(captured("v21dev-clear")).command == .withdraw)
  }

  @Test(arguments: [
    ("signed-sha1-subscribe", 127), ("signed-sha256-subscribe", 131),
    ("signed-sha256-unsubscribe", 131),
  ])
  func `the signature and the bytes that it is about are found`(name: String, count: Int) throws {
    let signed = try read(captured(name))
    #expect(signed.signature?.count == 256)
    #expect(signed.signedRange == 4..<(4 + count))
    #expect(signed.time != nil)
  }

  @Test func `pairs come in any order and the last of a name counts`() throws {
    let read = try read(made([("address", "b"), ("x", "y"), ("key", "k"), ("address", "c")]))
    #expect(text(read.key) == "k" && text(read.address) == "c")
  }

  @Test func `nothing may follow a signature`() {
    #expect(throws: SubscriptionError.signatureNotLast) {
      try read(made(least + [("unix", "1"), ("sign", "s"), ("weight", "9")]))
    }
  }

  @Test func `every cut of a datagram is refused`() throws {
    let whole = made(least)
    for count in 0..<whole.count {
      #expect(throws: SubscriptionError.self, "\(count)") { try read(Array(whole[..<count])) }
    }
    #expect(throws: SubscriptionError.wrongSize) { try read(whole + [0]) }
  }

  @Test func `a size that reaches out of the datagram is refused`() {
    #expect(throws: SubscriptionError.wrongSize) { try read([224, 3, 0, 0, 255, 255, 1]) }
    #expect(throws: SubscriptionError.wrongSize) { try read([224, 1, 0, 0, 1]) }
  }

  @Test(arguments: [
    [("key", "a")], [("address", "b")], [("key", ""), ("address", "b")],
    [("key", String(repeating: "k", count: 256)), ("address", "b")],
    [("key", "a"), ("address", String(repeating: "k", count: 256))],
    [("key", "a"), ("address", "b"), ("modifier1", "256")],
    [("key", "a"), ("address", "b"), ("weight", "-1")],
    [("key", "a"), ("address", "b"), ("unix", "99999999999999999999999999")],
    [("key", "a"), ("address", "b"), ("notify", String(repeating: "n", count: 102))],
  ])
  func `values that are missing or out of bounds are refused`(pairs: [(String, String)]) {
    #expect(throws: SubscriptionError.wrongValue) { try read(made(pairs)) }
  }

  @Test func `other packets and more bytes than uWSGI reads are refused`() {
    #expect(throws: SubscriptionError.noSubscription) { try read([0] + made(least).dropFirst()) }
    #expect(throws: SubscriptionError.noSubscription) { try read(made(least, command: 2)) }
    let long = made(least + [("x", String(repeating: "x", count: 4096))])
    #expect(throws: SubscriptionError.tooLong) { try read(long) }
  }
}
