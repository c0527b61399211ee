import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("The pair fullchain.cer and DOMAIN.key")
struct LegacyPairTests {
  private let at = EtcdFixture(readsLegacy: true)

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func `a pair that fits is served under the names of both keys`() throws {
    let issued = at.issue("a.test", "*.a.test")
    #expect(
      at.list(["fullchain.cer": bytes(issued.chain + "\n"), "a.test.key": bytes(issued.key + "\n")])
    )
    #expect(at.store.index.entries.map(\.source) == ["fullchain.cer + a.test.key"])
    #expect(at.store.refusals.isEmpty)
  }

  @Test(arguments: [true, false])
  func `while the two do not fit the old pair goes on`(chainFirst: Bool) throws {
    let (old, new) = (at.issue("a.test"), at.issue("a.test"))
    #expect(at.list(["fullchain.cer": bytes(old.chain), "a.test.key": bytes(old.key)]))
    let writes = [("fullchain.cer", new.chain), ("a.test.key", new.key)]
    let (first, second) = chainFirst ? (writes[0], writes[1]) : (writes[1], writes[0])
    #expect(!at.change([first.0: bytes(first.1)]))
    #expect(try at.serves(old, "a.test"))
    #expect(at.reasons == ["waiting for the pair to match"])
    #expect(at.change([second.0: bytes(second.1)]))
    #expect(try at.serves(new, "a.test"))
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `of several keys the one that fits is taken`() throws {
    let (a, b) = (at.issue("a.test"), at.issue("b.test"))
    #expect(
      at.list([
        "fullchain.cer": bytes(b.chain), "a.test.key": bytes(a.key), "b.test.key": bytes(b.key),
        "0.key": bytes("no key"),
      ]))
    #expect(at.store.index.entries.map(\.source) == ["fullchain.cer + b.test.key"])
  }

  @Test func `an empty or missing half is told, and the old pair goes on`() throws {
    let issued = at.issue("a.test")
    #expect(at.list(["fullchain.cer": bytes(issued.chain), "a.test.key": bytes(issued.key)]))
    #expect(!at.change(["a.test.key": []]))
    #expect(at.reasons == ["no private key in it"])
    #expect(!at.change(["a.test.key": nil]))
    #expect(at.reasons == ["no DOMAIN.key lies beside it"])
    #expect(!at.change(["fullchain.cer": [], "a.test.key": bytes(issued.key)]))
    #expect(at.reasons == ["no certificate in it"])
    #expect(!at.change(["fullchain.cer": nil]))
    #expect(at.reasons == ["deleted in etcd, kept: nothing else covers a.test"])
    #expect(at.sources == ["fullchain.cer + a.test.key"])
    #expect(try at.serves(issued, "a.test"))
  }

  @Test func `keys below a folder, and all of them without the setting, are no pair`() throws {
    let issued = at.issue("a.test")
    let values = ["fullchain.cer": bytes(issued.chain), "x/a.test.key": bytes(issued.key)]
    #expect(!at.list(values))
    #expect(at.reasons.contains("no DOMAIN.key lies beside it"))
    let without = EtcdFixture()
    #expect(!without.list(["fullchain.cer": bytes(issued.chain), "a.key": bytes(issued.key)]))
    #expect(without.store.refusals.count == 2)
  }

  @Test func `the copy has both halves in one record`() throws {
    let issued = at.issue("a.test")
    #expect(at.list(["fullchain.cer": bytes(issued.chain), "a.test.key": bytes(issued.key)]))
    let records = at.store.etcd?.copy ?? []
    #expect(records.map { $0.values.count } == [2])
    // Half of the next pair does not tear the copy.
    #expect(!at.change(["fullchain.cer": bytes(at.issue("a.test").chain)]))
    #expect(at.store.etcd?.copy == records)
    let next = EtcdFixture(readsLegacy: true)
    #expect(next.store.update { $0.loadCopy(records, now: at.now) })
    #expect(try next.serves(issued, "a.test"))
  }

  @Test func `the private key is looked for under the names of the chain`() {
    let issued = TestAuthority().issue(["*.example.co.uk", "example.co.uk", "other.test"])
    let keys = LegacyPair.keys(of: Array(issued.chain.utf8))
    #expect(keys.map { KeyText.text($0) } == ["example.co.uk.key", "other.test.key"])
    #expect(keys.allSatisfy(LegacyPair.isPart))
    #expect(keys.map(LegacyPair.domain(of:)) == ["example.co.uk", "other.test"])
    #expect(LegacyPair.keys(of: Array("garbage".utf8)).isEmpty)
  }
}
