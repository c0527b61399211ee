import TLS
import Testing

@Suite("Envelopes of AES-256-GCM")
struct EnvelopeTests {
  private let keys: EncryptionKeys
  private let context = Array("a purpose".utf8)
  private let plain = Array("something secret".utf8)

  init() throws {
    keys = try .fresh("one")
  }

  @Test(arguments: [0, 1, 15, 16, 17, 4096, 200_000])
  func `what is sealed opens again`(count: Int) throws {
    let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    let sealed = try Envelope.seal(plain, with: keys, context: context)
    #expect(try Envelope.open(sealed, with: keys, context: context) == plain)
    #expect(try Envelope.keyID(sealed) == "one")
    #expect(sealed.count == 2 + 3 + 12 + count + 16)
  }

  @Test func `the same text is never sealed to the same bytes`() throws {
    let first = try Envelope.seal(plain, with: keys, context: context)
    let second = try Envelope.seal(plain, with: keys, context: context)
    #expect(first != second)
    #expect(first.firstRange(of: plain) == nil)
  }

  @Test func `a changed byte anywhere keeps it shut`() throws {
    let sealed = try Envelope.seal(plain, with: keys, context: context)
    for position in sealed.indices {
      for bit in [UInt8(1), 0x80] {
        var changed = sealed
        changed[position] ^= bit
        #expect(throws: EnvelopeError.self) {
          try Envelope.open(changed, with: keys, context: context)
        }
      }
    }
  }

  @Test func `a cut or lengthened one does not open`() throws {
    let sealed = try Envelope.seal(plain, with: keys, context: context)
    for count in 0..<sealed.count {
      #expect(throws: EnvelopeError.self) {
        try Envelope.open(Array(sealed.prefix(count)), with: keys, context: context)
      }
    }
    #expect(throws: EnvelopeError.damaged) {
      try Envelope.open(sealed + [0], with: keys, context: context)
    }
  }

  @Test func `another context keeps it shut`() throws {
    let sealed = try Envelope.seal(plain, with: keys, context: context)
    #expect(throws: EnvelopeError.damaged) {
      try Envelope.open(sealed, with: keys, context: context + [0])
    }
    #expect(throws: EnvelopeError.damaged) {
      try Envelope.open(sealed, with: keys, context: [])
    }
  }

  @Test func `a key that is not there is told by its identifier`() throws {
    let sealed = try Envelope.seal(plain, with: keys, context: context)
    let others = try EncryptionKeys.fresh("two")
    #expect(throws: EnvelopeError.unknownKey("one")) {
      try Envelope.open(sealed, with: others, context: context)
    }
  }

  @Test func `another key under the same identifier does not open it`() throws {
    let sealed = try Envelope.seal(plain, with: keys, context: context)
    let others = try EncryptionKeys.fresh("one")
    #expect(throws: EnvelopeError.damaged) {
      try Envelope.open(sealed, with: others, context: context)
    }
  }

  @Test func `a new key in front seals, and the old one still opens`() throws {
    let old = try EncryptionKeys.newLine(id: "old")
    let new = try EncryptionKeys.newLine(id: "new")
    let sealed = try Envelope.seal(
      plain, with: EncryptionKeys(text: Array(old.utf8)), context: context)
    let both = try EncryptionKeys(text: Array("\(new)\n\(old)\n".utf8))
    #expect(try Envelope.open(sealed, with: both, context: context) == plain)
    #expect(try Envelope.keyID(Envelope.seal(plain, with: both, context: context)) == "new")
  }

  @Test func `what is no envelope is malformed`() {
    let texts: [[UInt8]] = [
      [], [1], [1, 0], [0, 1, 65] + [UInt8](repeating: 0, count: 40),
      [1, 255] + [UInt8](repeating: 65, count: 60),
      [1, 1, 0x20] + [UInt8](repeating: 0, count: 40),
      Array("-----BEGIN".utf8),
    ]
    for text in texts {
      #expect(throws: EnvelopeError.malformed) {
        try Envelope.open(text, with: keys, context: context)
      }
    }
  }
}

@Suite("Key files")
struct EncryptionKeysTests {
  private static let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
  private static let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

  private func read(_ text: String) throws(EncryptionKeysError) -> EncryptionKeys {
    try EncryptionKeys(text: Array(text.utf8))
  }

  @Test func `the first line seals; comments and blanks are passed over`() throws {
    let keys = try read("# head\r\n\n  b-1 \t \(Self.key)\r\n#x\na.2 \(Self.key)")
    #expect(keys.ids == ["b-1", "a.2"])
    #expect(keys.sealingID == "b-1")
  }

  @Test(
    arguments: [
      ("", .noKey), ("# only this", .noKey), ("one", .malformedLine(1)),
      ("\none !!!!", .malformedLine(2)), ("one \(key) more", .malformedLine(1)),
      ("o/e \(key)", .malformedID(line: 1)), ("one AAEC", .wrongLength(line: 1, bytes: 3)),
      ("\(String(repeating: "x", count: 65)) \(key)", .malformedID(line: 1)),
      ("one \(key)\none \(key)", .repeatedID("one", line: 2)),
      ("one \(zeros)", .placeholder(line: 1)),
      ("\0\0\0 \0", .malformedID(line: 1)),
    ] as [(String, EncryptionKeysError)])
  func `a mistake is told with its line`(text: String, error: EncryptionKeysError) {
    #expect(throws: error) { try read(text) }
  }

  @Test func `a file past the limit is refused`() {
    let text = String(repeating: "#", count: EncryptionKeys.fileBytesMax + 1)
    #expect(throws: EncryptionKeysError.tooLarge(bytes: 65_537, limit: 65_536)) { try read(text) }
  }

  @Test func `printing keys shows identifiers and nothing else`() throws {
    let keys = try read("one \(Self.key)")
    var dumped = ""
    dump(keys, to: &dumped)
    for text in ["\(keys)", String(reflecting: keys), String(describing: [keys]), dumped] {
      #expect(text.contains("one"))
      for secret in [Self.key, "1, 2, 3", "bytes"] { #expect(!text.contains(secret)) }
    }
  }

  @Test func `new lines differ and are read back`() throws {
    let lines = [try EncryptionKeys.newLine(id: "a"), try EncryptionKeys.newLine(id: "b")]
    #expect(lines[0].dropFirst(2) != lines[1].dropFirst(2))
    #expect(try read(lines.joined(separator: "\n")).ids == ["a", "b"])
    #expect(throws: EncryptionKeysError.malformedID(line: 1)) {
      try EncryptionKeys.newLine(id: "a b")
    }
  }
}

@Suite("Base64, RFC 4648 §4 and §10")
struct Base64Tests {
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func `the test vectors come out`(plain: String, text: String) {
    #expect(Base64.encode(Array(plain.utf8)) == Array(text.utf8))
    #expect(Base64.decode(text.utf8) == Array(plain.utf8))
  }

  @Test func `every byte survives, also over lines`() {
    let bytes = (0..<256).map { UInt8($0) }
    let text = Base64.encode(bytes)
    #expect(Base64.decode(text.prefix(64) + Array("\r\n \t".utf8) + text.dropFirst(64)) == bytes)
  }

  @Test(arguments: [
    "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z=g=", "Zm9v=", "====", "Zm9-", "=", "é",
  ])
  func `what is not quite Base64 is refused`(text: String) {
    #expect(Base64.decode(text.utf8) == nil)
  }
}

extension EncryptionKeys {
  /// One new key.
  static func fresh(_ id: String) throws -> EncryptionKeys {
    try EncryptionKeys(text: Array(try newLine(id: id).utf8))
  }
}
