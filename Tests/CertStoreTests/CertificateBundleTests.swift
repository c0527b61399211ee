import Glibc
import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("The value that etcd holds for a certificate")
struct CertificateBundleTests {
  private let authority = TestAuthority()
  private let keys: EncryptionKeys
  private let now = Int64(time(nil))

  init() throws { keys = try .fresh("k1") }

  private func write(
    _ issued: TestAuthority.Issued, _ keys: EncryptionKeys?
  ) throws -> [UInt8] {
    try CertificateBundle.write(
      chainPEM: Array(issued.chain.utf8), keyPEM: Array(issued.key.utf8), keys: keys, now: now)
  }

  @Test(arguments: [TestAuthority.Key.p256, .rsa2048])
  func `what is written is read again, plain or encrypted`(kind: TestAuthority.Key) throws {
    let issued = authority.issue(["a.test"], key: kind)
    let certificate = try Certificate(pem: issued.bundle)
    for keys in [nil, keys] {
      let value = try write(issued, keys)
      let bundle = try CertificateBundle(reading: value, keys: keys)
      #expect(bundle.certificate == certificate)
      #expect(bundle.isPlain == (keys == nil))
      #expect(bundle.keyID == keys?.sealingID)
      #expect((value.firstRange(of: "PRIVATE KEY".utf8) == nil) == (keys != nil))
    }
  }

  @Test func `a bundle in one text is written as well, with what lies between left out`() throws {
    let issued = authority.intermediate().issue(["a.test"])
    let text = Array(("remark\n" + issued.key + "\nremark\n" + issued.chain).utf8)
    let value = try CertificateBundle.write(chainPEM: text, keyPEM: nil, keys: keys, now: now)
    #expect(try CertificateBundle(reading: value, keys: keys).certificate.chain.count == 3)
    #expect(value.firstRange(of: "remark".utf8) == nil)
  }

  @Test func `nothing that a server would refuse is written`() throws {
    let good = authority.issue(["a.test"])
    let other = authority.issue(["a.test"])
    let bad: [(String, String, CertificateError)] = [
      (good.chain, other.key, .keyDoesNotFit), (good.chain, good.encryptedKey, .encryptedKey),
      (good.certificate + other.certificate, good.key, .chainBroken(position: 1)),
      (good.chain, "", .noKey), ("", good.key, .noCertificate),
      (good.chain, good.key + other.key, .severalKeys),
    ]
    for (chain, key, error) in bad {
      #expect(throws: error) {
        try CertificateBundle.write(
          chainPEM: Array(chain.utf8), keyPEM: Array(key.utf8), keys: keys, now: now)
      }
    }
    for issued in [
      authority.issue(["a.test"], from: -2000, until: -1000),
      authority.issue(["a.test"], from: 1000, until: 2000), authority.issue(["w*.a.test"]),
      authority.issue(["a.test"], key: .rsa(bits: 1024)), authority.issue([]),
    ] {
      #expect(throws: CertificateError.self) { try write(issued, nil) }
    }
  }

  @Test func `an encrypted key needs its encryption key`() throws {
    let value = try write(authority.issue(["a.test"]), keys)
    #expect(throws: CertificateError.noEncryptionKeys(id: "k1")) {
      try CertificateBundle(reading: value, keys: nil)
    }
    let (other, impostor) = (try EncryptionKeys.fresh("k2"), try EncryptionKeys.fresh("k1"))
    #expect(throws: CertificateError.sealedKey(.unknownKey("k1"))) {
      try CertificateBundle(reading: value, keys: other)
    }
    #expect(throws: CertificateError.sealedKey(.damaged)) {
      try CertificateBundle(reading: value, keys: impostor)
    }
  }

  @Test func `an encrypted key does not open beside another certificate`() throws {
    let issued = authority.issue(["a.test"])
    let value = try write(issued, keys)
    let start = try #require(value.firstRange(of: "-----BEGIN EDGEPROXY".utf8)).lowerBound
    let other = Array(authority.issue(["b.test"]).chain.utf8)
    #expect(throws: CertificateError.sealedKey(.damaged)) {
      try CertificateBundle(reading: other + value[start...], keys: keys)
    }
  }

  @Test func `two keys are one too many, of whatever form`() throws {
    let issued = authority.issue(["a.test"])
    let value = try write(issued, keys)
    let start = try #require(value.firstRange(of: "-----BEGIN EDGEPROXY".utf8)).lowerBound
    for extra in [Array(issued.key.utf8), Array(value[start...])] {
      #expect(throws: CertificateError.severalKeys) {
        try CertificateBundle(reading: value + extra, keys: keys)
      }
    }
  }

  @Test func `a text cut anywhere is refused`() throws {
    for keys in [nil, keys] {
      let value = try write(authority.issue(["a.test"]), keys)
      // The last line break may go.
      for count in stride(from: 0, to: value.count - 1, by: 7) {
        #expect(throws: CertificateError.self) {
          try CertificateBundle(reading: Array(value.prefix(count)), keys: keys)
        }
      }
    }
  }

  @Test func `a changed byte never makes another certificate of it`() throws {
    for keys in [nil, keys] {
      let value = try write(authority.issue(["a.test"]), keys)
      let certificate = try CertificateBundle(reading: value, keys: keys).certificate
      for position in stride(from: 0, to: value.count, by: 11) {
        for replacement in [UInt8(ascii: "A"), UInt8(ascii: "-"), 10, 255] {
          var changed = value
          changed[position] = replacement
          guard let bundle = try? CertificateBundle(reading: changed, keys: keys) else { continue }
          #expect(bundle.certificate.chain[0] == certificate.chain[0])
        }
      }
    }
  }

  @Test func `hostile values are refused`() throws {
    let value = try write(authority.issue(["a.test"]), keys)
    let wrong =
      "-----BEGIN EDGEPROXY ENCRYPTED KEY-----\n!!!!\n-----END EDGEPROXY ENCRYPTED KEY-----\n"
    let start = try #require(value.firstRange(of: "-----BEGIN EDGEPROXY".utf8)).lowerBound
    let cases: [([UInt8], CertificateError)] = [
      ([], .noCertificate), ([0, 1, 2, 255], .notText), (value + [0], .notText),
      ((1...255).map { UInt8($0) }, .noCertificate),
      ([UInt8](repeating: 45, count: 1000), .unclosedBlock(line: 1)),
      ([UInt8](repeating: 65, count: 1 << 20), .tooLarge(bytes: 1 << 20, limit: 262_144)),
      (value[..<start] + Array(wrong.utf8), .sealedKey(.malformed)),
      (Array(value[..<start]), .noKey), (Array(value[start...]), .noCertificate),
    ]
    for (text, error) in cases {
      #expect(throws: error) { try CertificateBundle(reading: text, keys: keys) }
    }
  }

  @Test func `a bundle is sealed anew with the first key, and left alone when it already is`()
    throws
  {
    let value = try write(authority.issue(["a.test"]), keys)
    let bundle = try CertificateBundle(reading: value, keys: keys)
    #expect(try bundle.resealed(keys) == nil)
    let next = try EncryptionKeys.fresh("k2")
    let again = try #require(try bundle.resealed(next))
    let read = try CertificateBundle(reading: again, keys: next)
    #expect(read.keyID == "k2")
    #expect(read.certificate == bundle.certificate)
    let plain = try #require(try bundle.resealed(nil))
    #expect(try CertificateBundle(reading: plain, keys: nil).isPlain)
  }

  @Test func `printing it shows no key`() throws {
    let certificate = try Certificate(pem: authority.issue(["a.test"]).bundle)
    var text = "\(certificate)"
    dump(certificate, to: &text)
    #expect(text.contains("a.test"))
    #expect(!text.contains("key"))
  }
}

@Suite("The file of the encryption keys")
struct KeyFileTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  @Test(arguments: [0o600, 0o400, 0o700, 0o640, 0o440] as [mode_t])
  func `one for its owner, and for readers of its group, is read`(mode: mode_t) throws {
    try folder.write("keys", try EncryptionKeys.newLine(id: "a"))
    try folder.changeMode("keys", mode)
    #expect(try KeyFile.read(folder.path + "/keys").ids == ["a"])
  }

  @Test(arguments: [0o660, 0o604, 0o644, 0o620, 0o601] as [mode_t])
  func `one that others may open is refused with its mode`(mode: mode_t) throws {
    try folder.write("keys", try EncryptionKeys.newLine(id: "a"))
    try folder.changeMode("keys", mode)
    let error = #expect(throws: KeyFileError.exposed(mode: mode)) {
      try KeyFile.read(folder.path + "/keys")
    }
    #expect(error?.description.contains("0" + String(mode, radix: 8)) == true)
  }

  @Test func `what is missing, no file or no key file is told`() throws {
    #expect(throws: KeyFileError.self) { try KeyFile.read(folder.path + "/nowhere") }
    #expect(throws: KeyFileError.notAFile) { try KeyFile.read(folder.path) }
    try folder.write("keys", "# none")
    #expect(throws: KeyFileError.refused(.noKey)) { try KeyFile.read(folder.path + "/keys") }
    try folder.write("keys", [UInt8](repeating: 35, count: 1 << 20))
    #expect(throws: KeyFileError.refused(.tooLarge(bytes: 131_072, limit: 65_536))) {
      try KeyFile.read(folder.path + "/keys")
    }
  }
}

extension EncryptionKeys {
  /// One new key.
  static func fresh(_ id: String) throws -> EncryptionKeys {
    try EncryptionKeys(text: Array(try newLine(id: id).utf8))
  }
}
