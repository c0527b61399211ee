import EventLoop
import HTTPCore
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("Which subscriptions are believed")
struct SubscriptionPolicyTests {
  private static let signedAt: Int64 = 1_795_382_999
  private let now = Instant(nanoseconds: 1_000_000_000)
  private static let here = SubscriptionSource.machine(IPAddress(ipv4: 0x7f00_0001))
  private static let near = SubscriptionSource.machine(IPAddress(ipv4: 0x0a00_0005))
  private static let far = SubscriptionSource.machine(IPAddress(ipv4: 0xc000_0207))

  private func policy(
    allow: [SubscriptionSettings.Permission]? = nil, keys: SigningKeys? = nil, sha1: Bool = false,
    begun: Int64 = 0
  ) -> SubscriptionPolicy {
    SubscriptionPolicy(
      SubscriptionSettings(
        listen: [], allow: allow, signingKeys: keys.map { _ in "keys" }, allowsSHA1: sha1),
      keys: keys, begun: begun, now: now)
  }

  private func permission(
    _ from: String, _ keys: [String], addresses: [String] = []
  ) throws -> SubscriptionSettings.Permission {
    SubscriptionSettings.Permission(
      from: try network(from), keys: keys.map { Array($0.utf8) },
      addresses: try addresses.map(network))
  }

  private func network(_ text: String) throws -> Network {
    let bytes = Array(text.utf8)
    let network = Network(bytes.span)
    return try #require(network)
  }

  private func datagram(_ pairs: [(String, String)], command: UInt8 = 0) -> [UInt8] {
    var block: [UInt8] = []
    for word in pairs.flatMap({ [$0.0, $0.1] }) {
      block += [UInt8(word.utf8.count & 255), UInt8(word.utf8.count >> 8)] + Array(word.utf8)
    }
    return [224, UInt8(block.count & 255), UInt8(block.count >> 8), command] + block
  }

  private func plain(
    _ key: String, _ address: String, _ more: [(String, String)] = []
  ) -> [UInt8] {
    datagram([("key", key), ("address", address)] + more)
  }

  private func refusal(
    _ policy: inout SubscriptionPolicy, _ bytes: [UInt8], from source: SubscriptionSource = here,
    time: Int64 = signedAt
  ) -> SubscriptionRefusal? {
    switch policy.judge(bytes.span, from: source, time: time, now: now) {
    case .refuse(let refusal): refusal
    case .announce, .withdraw: nil
    }
  }

  // MARK: Who may announce what

  @Test func `without rules this machine may announce anything of its own and others nothing`() {
    var policy = policy()
    policy.ownAddresses = [IPAddress(ipv4: 0x0a00_0001)]
    #expect(refusal(&policy, plain("a.example", "127.0.0.1:1")) == nil)
    #expect(refusal(&policy, plain("a.example", "10.0.0.1:1")) == nil)
    #expect(refusal(&policy, plain("a.example", "/run/a.sock"), from: .unix) == nil)
    #expect(refusal(&policy, plain("a.example", "10.0.0.2:1")) == .foreignAddress)
    #expect(refusal(&policy, plain("a.example", "10.0.0.5:1"), from: Self.near) == .unlistedSource)
  }

  @Test func `a listed source announces its own address for its own keys`() throws {
    var policy = policy(allow: [try permission("10.0.0.0/24", ["*.example.org", "b.example"])])
    for key in ["a.example.org", ".example.org", "B.Example.:443"] {
      #expect(refusal(&policy, plain(key, "10.0.0.5:1"), from: Self.near) == nil, "\(key)")
    }
    for key in ["example.org", "x.a.example.org", "c.example"] {
      let found = refusal(&policy, plain(key, "10.0.0.5:1"), from: Self.near)
      #expect(found == .unlistedKey, "\(key)")
    }
    #expect(refusal(&policy, plain("b.example", "192.0.2.7:1"), from: Self.far) == .unlistedSource)
    #expect(refusal(&policy, plain("b.example", "10.0.0.6:1"), from: Self.near) == .foreignAddress)
  }

  @Test func `further addresses are those of the permission, and never what is only here`() throws {
    var policy = policy(
      allow: [try permission("10.0.0.0/24", ["b.example"], addresses: ["0.0.0.0/0"])])
    #expect(refusal(&policy, plain("b.example", "10.9.9.9:1"), from: Self.near) == nil)
    for address in ["127.0.0.1:1", "/run/a.sock", "@a"] {
      let found = refusal(&policy, plain("b.example", address), from: Self.near)
      #expect(found == .foreignAddress, "\(address)")
    }
  }

  @Test(arguments: [
    "10.0.0.5:0", "10.0.0.5", "host:80", "0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80",
    "10.0.0.5:99999", "unix:/a", "10.0.0.5:1 ", "[::]:1",
  ])
  func `an address that cannot be meant is refused`(address: String) throws {
    var policy = policy(allow: [try permission("10.0.0.0/24", ["b.example"])])
    #expect(refusal(&policy, plain("b.example", address), from: Self.near) == .badAddress)
  }

  @Test(arguments: [
    ([("sni_key", "/k")], SubscriptionRefusal.namesCertificate),
    ([("sni_crt", "/c")], .namesCertificate), ([("sni_ca", "/c")], .namesCertificate),
    ([("proto", "http")], .otherProtocol), ([("modifier1", "22")], .dangerousModifier),
    ([("modifier1", "224")], .dangerousModifier),
  ])
  func `what an instance must not ask for is refused`(
    more: [(String, String)], expected: SubscriptionRefusal
  ) {
    var policy = policy()
    #expect(refusal(&policy, plain("a.example", "127.0.0.1:1", more)) == expected)
  }

  @Test func `what cannot be read is refused`() {
    var policy = policy()
    #expect(refusal(&policy, Array("hello".utf8)) == .malformed)
    #expect(refusal(&policy, [UInt8](repeating: 224, count: 4097)) == .tooLong)
    #expect(refusal(&policy, plain("a b", "127.0.0.1:1")) == .badKey)
  }

  @Test func `an instance is told as it described itself`() throws {
    var policy = policy()
    let more = [("weight", "0"), ("cores", "4"), ("backup", "1"), ("modifier1", "5")]
    let verdict = policy.judge(
      plain("A.example", "127.0.0.1:1", more).span, from: Self.here, time: 0, now: now)
    guard case .announce(let said) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(said.key == Array("a.example".utf8))
    let address = try #require(SocketAddress("127.0.0.1:1"))
    #expect(
      said.instance
        == Instance(
          address: address, modifier1: 5, weight: 1, cores: 4, isBackup: true, isLocal: true))
  }

  @Test func `an acknowledgement goes to its source and to nobody else`() throws {
    var policy = policy(allow: [try permission("10.0.0.0/24", ["b.example"])])
    let cases: [(String, Bool)] = [
      ("10.0.0.5:9", true), ("10.0.0.6:9", false), ("127.0.0.1:9", false), ("/run/x", false),
    ]
    for (notify, isTold) in cases {
      let bytes = plain("b.example", "10.0.0.5:1", [("notify", notify)])
      let verdict = policy.judge(bytes.span, from: Self.near, time: 0, now: now)
      guard case .announce(let said) = verdict else {
        Issue.record("\(verdict)")
        continue
      }
      #expect((said.notify != nil) == isTold, "\(notify)")
    }
  }

  @Test func `a flood of one source does not take the turn of another`() throws {
    var policy = policy(allow: [try permission("0.0.0.0/0", ["b.example"])])
    let bytes = plain("b.example", "192.0.2.7:1")
    for _ in 0..<DatagramBudget.source.burst {
      _ = policy.judge(bytes.span, from: Self.far, time: 0, now: now)
    }
    #expect(refusal(&policy, bytes, from: Self.far) == .flood)
    #expect(refusal(&policy, plain("b.example", "10.0.0.5:1"), from: Self.near) == nil)
  }

  // MARK: Signatures

  /// A directory with the key of the captured datagrams under this name.
  private func keys(_ name: String = "app1.example.co.uk.pem") throws -> (
    SigningKeys, TemporaryDirectory
  ) {
    let directory = try TemporaryDirectory()
    let pem = try #require(RepositoryFiles.read("Tests/Vectors/test-only-sub-public.pem"))
    try directory.write(name, String(decoding: pem, as: UTF8.self))
    let keys = SigningKeys(directory.path)
    keys.load(always: true)
    #expect(keys.mistakes == [])
    return (keys, directory)
  }

  private func captured(_ name: String) throws -> (bytes: [UInt8], time: Int64) {
    let bytes = try #require(RepositoryFiles.read("Tests/Vectors/sub-signed-\(name).bin"))
    let time = try SubscriptionDatagram(bytes.span).time
    return (bytes, try #require(time))
  }

  @Test(arguments: [
    "app1.example.co.uk.pem", "*.example.co.uk.pem", ".example.co.uk.pem",
    "app1.example.co.uk_443.pem",
  ])
  func `what uWSGI signed is believed once`(file: String) throws {
    let (keys, directory) = try keys(file)
    var policy = policy(keys: keys)
    let (bytes, time) = try captured("sha256-subscribe")
    #expect(refusal(&policy, bytes, time: time) == nil)
    #expect(refusal(&policy, bytes, time: time + 1) == .replayed)
    withExtendedLifetime(directory) {}
  }

  @Test func `a datagram that was seen is not believed with another command`() throws {
    let (keys, _) = try keys()
    for name in ["sha256-subscribe", "sha256-unsubscribe"] {
      var policy = policy(keys: keys)
      var (bytes, time) = try captured(name)
      #expect(refusal(&policy, bytes, time: time) == nil)
      bytes[3] ^= 1
      #expect(refusal(&policy, bytes, time: time) == .replayed)
    }
  }

  @Test func `a time that is not now is refused, and spoils nothing`() throws {
    let (keys, _) = try keys()
    var policy = policy(keys: keys)
    let (bytes, time) = try captured("sha256-subscribe")
    #expect(refusal(&policy, bytes, time: time + 61) == .wrongTime)
    #expect(refusal(&policy, bytes, time: time - 61) == .wrongTime)
    #expect(refusal(&policy, bytes, time: time + 60) == nil)
  }

  @Test func `what was signed before the start may have been seen then`() throws {
    let (keys, _) = try keys()
    let (bytes, time) = try captured("sha256-subscribe")
    var policy = policy(keys: keys, begun: time + 1)
    #expect(refusal(&policy, bytes, time: time + 2) == .replayed)
  }

  @Test func `forged and unsigned ones are refused, and spoil nothing`() throws {
    let (keys, _) = try keys()
    var policy = policy(keys: keys)
    let (bytes, time) = try captured("sha256-subscribe")
    var forged = bytes
    forged[forged.count - 1] ^= 1
    #expect(refusal(&policy, forged, time: time) == .badSignature)
    let unsigned = plain("app1.example.co.uk", "127.0.0.1:1")
    #expect(refusal(&policy, unsigned, time: time) == .unsigned)
    #expect(refusal(&policy, bytes, time: time) == nil)
  }

  @Test func `SHA-1 counts only where it is allowed`() throws {
    let (keys, _) = try keys()
    let (bytes, time) = try captured("sha1-subscribe")
    var strict = policy(keys: keys)
    #expect(refusal(&strict, bytes, time: time) == .badSignature)
    var lax = policy(keys: keys, sha1: true)
    #expect(refusal(&lax, bytes, time: time) == nil)
  }

  @Test func `keys without a file follow the rules for sources`() throws {
    let (keys, _) = try keys()
    var policy = policy(keys: keys)
    #expect(refusal(&policy, plain("other.example", "127.0.0.1:1")) == nil)
    let far = refusal(&policy, plain("other.example", "192.0.2.7:1"), from: Self.far)
    #expect(far == .unlistedSource)
  }

  @Test func `nobody can sign for a file that is no key, or where none can be read`() throws {
    let directory = try TemporaryDirectory()
    try directory.write("app1.example.co.uk.pem", "no key")
    let broken = SigningKeys(directory.path)
    broken.load(always: true)
    #expect(broken.mistakes.count == 1)
    let missing = SigningKeys(directory.path + "/missing")
    missing.load(always: true)
    let (bytes, time) = try captured("sha256-subscribe")
    for keys in [broken, missing] {
      var policy = policy(keys: keys)
      #expect(refusal(&policy, bytes, time: time) == .badSignature)
    }
  }
}
