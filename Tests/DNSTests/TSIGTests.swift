import TestSupport
import Testing

import DNS
@testable import DNSCore

/// The messages in the corpus were signed by dnspython 2.9.
@Suite("Signatures by a shared secret, RFC 8945")
struct TSIGTests {
  private static let now: Int64 = 1_700_000_000
  private static let secret = [UInt8](0..<32)

  private static func key(
    _ algorithm: TSIGAlgorithm, _ name: String = "edge-proxy", secret: [UInt8] = secret
  ) throws -> TSIGKey {
    try TSIGKey(name: #require(DNSName(name)), algorithm: algorithm, secret: secret)
  }

  private func file(_ name: String) throws -> [UInt8] {
    try #require(RepositoryFiles.read("Tests/Corpora/DNS/\(name)"))
  }

  /// The code of dnspython's request.
  private func code(_ request: String) throws -> [UInt8] {
    NameServerAnswers.code(of: try DNSMessage(decoding: file(request)))
  }

  @Test(arguments: [
    (TSIGAlgorithm.sha256, "update-sha256"), (.sha512, "update-sha512"),
  ])
  func `our signature is that of another program`(
    algorithm: TSIGAlgorithm, name: String
  ) throws {
    let known = try file(name)
    let key = try Self.key(algorithm, "Edge-Proxy")
    let message = try TSIG.verify(known, key, request: nil, at: Self.now)
    #expect(message.additionals.isEmpty && message.authorities.count == 1)
    #expect(try TSIG.sign(message, key, at: Self.now).bytes == known)
  }

  @Test(arguments: [
    (TSIGAlgorithm.sha256, "update-sha256", "signed-answer"),
    (.sha512, "update-sha512", "signed-answer-sha512"),
  ])
  func `an answer counts for its request alone`(
    algorithm: TSIGAlgorithm, request: String, answer: String
  ) throws {
    let bytes = try file(answer)
    let key = try Self.key(algorithm)
    let code = try code(request)
    #expect(code.count == algorithm.count)
    #expect(try TSIG.verify(bytes, key, request: code, at: Self.now).code == .noError)
    let others = [code.map { $0 ^ 1 }, Array(code.dropLast()), []]
    for other in others {
      #expect(throws: TSIGError.wrongCode) {
        try TSIG.verify(bytes, key, request: other, at: Self.now)
      }
    }
    #expect(throws: TSIGError.wrongCode) {
      try TSIG.verify(bytes, key, request: nil, at: Self.now)
    }
  }

  @Test func `a signature by another secret, key or algorithm does not count`() throws {
    let bytes = try file("signed-answer")
    let code = try code("update-sha256")
    let wrong: [(TSIGKey, TSIGError)] = try [
      (Self.key(.sha256, secret: Self.secret.reversed()), .wrongCode),
      (Self.key(.sha256, "other"), .otherKey), (Self.key(.sha512), .otherKey),
    ]
    for (key, error) in wrong {
      #expect(throws: error) { try TSIG.verify(bytes, key, request: code, at: Self.now) }
    }
  }

  @Test func `no byte of a signed answer can be changed but its number`() throws {
    let bytes = try file("signed-answer")
    let key = try Self.key(.sha256)
    let code = try code("update-sha256")
    for place in bytes.indices.dropFirst(2) {
      var changed = bytes
      changed[place] ^= 1
      #expect(throws: TSIGError.self, "\(place)") {
        try TSIG.verify(changed, key, request: code, at: Self.now)
      }
    }
    // The signature has the number that the message had at first.
    var renumbered = bytes
    renumbered[0] ^= 1
    #expect(try TSIG.verify(renumbered, key, request: code, at: Self.now).id == 0x1234)
  }

  @Test func `clocks may differ by five minutes, and more is told with its sign`() throws {
    let bytes = try file("signed-answer")  // at now + 2
    let key = try Self.key(.sha256)
    let code = try code("update-sha256")
    for now in [Self.now + 302, Self.now - 298] {
      #expect(try TSIG.verify(bytes, key, request: code, at: now).id == 0x1234)
    }
    for (now, ahead) in [(Self.now + 303, -301), (Self.now - 299, 301)] {
      #expect(throws: TSIGError.clock(ahead: Int64(ahead))) {
        try TSIG.verify(bytes, key, request: code, at: now)
      }
    }
    for now in [Int64.min, .max] {
      #expect(throws: TSIGError.self) { try TSIG.verify(bytes, key, request: code, at: now) }
    }
  }

  @Test(arguments: [
    (TSIGAlgorithm.sha256, "bad-time", "update-sha256"),
    (.sha512, "bad-time-sha512", "update-sha512"),
  ])
  func `a server that says BADTIME tells its own time`(
    algorithm: TSIGAlgorithm, answer: String, request: String
  ) throws {
    let bytes = try file(answer)
    let key = try Self.key(algorithm)
    let code = try code(request)
    #expect(throws: TSIGError.clock(ahead: 4000)) {
      try TSIG.verify(bytes, key, request: code, at: Self.now)
    }
  }

  @Test(arguments: [DNSCode.badKey, .badSignature, .badTruncation])
  func `what a server says of our signature without one of its own is told`(
    error: DNSCode
  ) throws {
    let key = try Self.key(.sha256)
    var answer = DNSMessage(id: 1)
    answer.isAnswer = true
    answer.code = .notAuthorized
    answer.additionals = [record(error, of: key)]
    let bytes = try answer.encoded()
    #expect(throws: TSIGError.told(error)) {
      try TSIG.verify(bytes, key, request: [1], at: Self.now)
    }
  }

  /// A record without a code.
  private func record(_ error: DNSCode, of key: TSIGKey) -> DNSRecord {
    let rest: [UInt8] = [0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0, 1, 0, UInt8(error.rawValue), 0, 0]
    let content = key.algorithm.name.wire + rest
    return DNSRecord(
      name: key.name, domain: .any, seconds: 0, data: .other(.signature, content))
  }

  @Test func `a message without a signature, or with two, is none of the key's`() throws {
    let key = try Self.key(.sha256)
    var answer = DNSMessage(id: 1)
    answer.code = .refused
    let unsigned = try answer.encoded()
    #expect(throws: TSIGError.unsigned(.refused)) {
      try TSIG.verify(unsigned, key, request: nil, at: Self.now)
    }
    answer.additionals = [record(.noError, of: key)]
    let twice = try TSIG.sign(answer, key, at: Self.now).bytes
    #expect(throws: TSIGError.malformed(.record(.signature))) {
      try TSIG.verify(twice, key, request: nil, at: Self.now)
    }
    // An empty code is not right either.
    let empty = try answer.encoded()
    #expect(throws: TSIGError.wrongCode) {
      try TSIG.verify(empty, key, request: nil, at: Self.now)
    }
  }
}

@Suite("Files of keys that name servers know")
struct TSIGKeyTests {
  private static let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

  private func key(_ text: String, _ algorithm: TSIGAlgorithm = .sha256) throws -> TSIGKey {
    try TSIGKey(name: #require(DNSName("edge")), algorithm: algorithm, file: octets(text))
  }

  @Test(arguments: [
    base64, base64 + "\n",
    "key \"edge\" {\n\talgorithm hmac-sha256;\n\tsecret \"\(base64)\";\n};\n",
    "// a\n/* b\n * { */ # c\nkey EDGE. { secret \(base64); algorithm HMAC-SHA256; };",
    "key other { algorithm hmac-md5; secret \"x\"; };\nkey edge{algorithm hmac-sha256;secret \"\(base64)\";};",
    "zone \"a\" { type primary; update-policy { grant edge zonesub TXT; }; };\n"
      + "key \"edge\" { algorithm hmac-sha256; secret \"\(base64)\"; };",
  ])
  func `a secret alone and the statements of BIND are read`(text: String) throws {
    let key = try key(text)
    #expect(key.secret == [UInt8](0..<32) && "\(key.name)" == "edge")
  }

  @Test(arguments: [
    ("", TSIGKeyError.noSuchKey([])), ("AAEC", .tooShort(bytes: 3)),
    ("key \"a\" { algorithm hmac-sha256; secret \"AAEC\"; };", .noSuchKey(["a"])),
    ("key \"edge\" { algorithm hmac-sha512; secret \"AAEC\"; };", .otherAlgorithm("hmac-sha512")),
    ("key \"edge\" { algorithm hmac-sha256; secret \"AAEC\"; };", .tooShort(bytes: 3)),
    ("\nkey \"edge\" { algorithm hmac-sha256; secret \"?\"; };", .malformed(line: 2)),
    ("key \"edge\" { algorithm hmac-sha256; };", .malformed(line: 1)),
    ("key \"edge\" {\n algorithm hmac-sha256\n secret \"AAEC\"; };", .malformed(line: 2)),
    ("key \"edge\" { algorithm hmac-sha256;", .malformed(line: 1)),
    ("key \"edge", .malformed(line: 1)), ("/* x", .malformed(line: 1)),
    ("not a key", .malformed(line: 1)),
  ])
  func `what is no key is refused, and the reason has no part of the secret`(
    text: String, error: TSIGKeyError
  ) {
    #expect(throws: error) { try key(text) }
    #expect(!"\(error)".contains("AAEC"))
  }

  @Test func `a key does not print its secret`() throws {
    let key = try key(Self.base64)
    var dumped = ""
    dump(key, to: &dumped)
    for text in ["\(key)", String(reflecting: key), dumped] {
      #expect(text.contains("edge") && !text.contains("31") && !text.contains("AAEC"))
    }
  }
}

@Suite("The servers of resolv.conf(5)")
struct ResolverFileTests {
  @Test(arguments: [
    ("nameserver 192.0.2.1\nnameserver 2001:db8::1\n", ["192.0.2.1:53", "[2001:db8::1]:53"]),
    ("# nameserver 192.0.2.1\nsearch a\n", ["127.0.0.1:53"]), ("", ["127.0.0.1:53"]),
    ("\tnameserver\t192.0.2.1 # x\r\nnameserver\nnameserver x\n", ["192.0.2.1:53"]),
    (
      (1...5).map { "nameserver 192.0.2.\($0)" }.joined(separator: "\n"),
      ["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"]
    ),
  ])
  func `the first three are asked, or the one of this machine`(text: String, servers: [String]) {
    #expect(ResolverFile.servers(octets(text)).map(\.description) == servers)
  }
}
