import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("With encryption keys nothing plain is taken from etcd")
struct SealedSecretsTests {
  private let keys: EncryptionKeys
  private let at: EtcdFixture

  init() throws {
    keys = try EncryptionKeys.fresh("k1")
    at = EtcdFixture(hosts: ["a.test"], keys: keys, readsLegacy: true)
  }

  private func sealed(_ issued: TestAuthority.Issued) throws -> [UInt8] {
    try CertificateBundle.write(
      chainPEM: issued.bundle, keyPEM: nil, keys: keys, now: at.now)
  }

  private func restore(_ stored: StoredValue...) -> Bool {
    at.store.update { $0.loadCopy([CopyRecord(stored)], now: at.now) }
  }

  @Test func `a plain certificate takes no name, however long it is valid`() throws {
    let good = at.issue("a.test", until: 1000)
    let value = try sealed(good)
    #expect(at.list(["/c/a": value]))
    let forged = at.issue("a.test", until: 90_000_000)
    // In the place of the good one, and beside it.
    #expect(!at.change(["/c/a": forged.bundle, "/c/b": forged.bundle]))
    #expect(try at.serves(good, "a.test"))
    #expect(at.sources == ["/c/a", "/c/b"])
    for reason in at.reasons { #expect(reason.contains("'edgeproxy cert rekey'"), "\(reason)") }
    #expect(at.store.etcd?.copy == [CopyRecord([EtcdFixture.stored("/c/a", value)])])
  }

  @Test func `a legacy pair is refused, and the reason says what stores it encrypted`() throws {
    let issued = at.issue("a.test")
    #expect(
      !at.list([
        "fullchain.cer": Array(issued.chain.utf8), "a.test.key": Array(issued.key.utf8),
      ]))
    #expect(at.store.index.isEmpty)
    #expect(at.reasons.count == 1)
    #expect(at.reasons[0].contains("'edgeproxy cert import-legacy'"))
  }

  @Test func `a plain certificate that this server has kept goes on until etcd has it encrypted`()
    throws
  {
    let issued = at.issue("a.test")
    #expect(restore(EtcdFixture.stored("/c/a", issued.bundle)))
    #expect(try at.serves(issued, "a.test"))
    // etcd has the very same bytes, which anybody may have put there.
    #expect(!at.list(["/c/a": issued.bundle]))
    #expect(try at.serves(issued, "a.test"))
    #expect(at.sources == ["/c/a"])
    #expect(!at.change(["/c/a": at.issue("a.test", until: 90_000_000).bundle]))
    #expect(try at.serves(issued, "a.test"))
    let bundle = try CertificateBundle(reading: issued.bundle, keys: keys, allowsPlain: true)
    let value = try #require(try bundle.resealed(keys))
    #expect(!at.change(["/c/a": value]), "the certificate is the same")
    #expect(at.store.refusals.isEmpty)
    #expect(at.store.etcd?.copy == [CopyRecord([EtcdFixture.stored("/c/a", value)])])
  }

  @Test func `a kept legacy pair goes on, and gives way to an encrypted certificate`() throws {
    let old = at.issue("a.test", until: 90_000_000)
    #expect(
      restore(
        EtcdFixture.stored("fullchain.cer", Array(old.chain.utf8)),
        EtcdFixture.stored("a.test.key", Array(old.key.utf8))))
    #expect(try at.serves(old, "a.test"))
    #expect(
      !at.list(["fullchain.cer": Array(old.chain.utf8), "a.test.key": Array(old.key.utf8)]))
    #expect(try at.serves(old, "a.test"))
    // It is valid for less long, and wins all the same.
    let new = at.issue("a.test", until: 1000)
    #expect(at.change(["/c/a": try sealed(new)]))
    #expect(try at.serves(new, "a.test"))
    #expect(at.store.index.entries.count == 1)
  }

  @Test func `without encryption keys a plain certificate is served as before`() throws {
    let plain = EtcdFixture()
    let issued = plain.issue("a.test")
    #expect(plain.list(["/c/a": issued.bundle]))
    #expect(try plain.serves(issued, "a.test"))
    #expect(SealedSecrets.refusal(isSealed: false, with: nil) == nil)
    #expect(SealedSecrets.refusal(isSealed: true, with: nil) == .noEncryptionKeys)
    #expect(SealedSecrets.refusal(isSealed: false, with: keys) == .notSealed)
    #expect(SealedSecrets.refusal(isSealed: true, with: keys) == nil)
  }
}
