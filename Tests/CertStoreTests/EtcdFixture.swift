import Glibc
import TLS
import TestSupport

@testable import CertStore

/// What etcd has in a test, and a store that is told.
final class EtcdFixture {
  let authority = TestAuthority()
  let store: CertStore
  let now = Int64(time(nil))
  private var present: Set<String> = []

  init(
    hosts: [String] = [], keys: EncryptionKeys? = nil, readsLegacy: Bool = false,
    directory: String? = nil
  ) {
    var etcd = EtcdCertificates(keys: keys, readsLegacy: readsLegacy)
    etcd.routedHosts = hosts.map { Array($0.utf8) }
    store = CertStore(
      directory: directory.map { CertificateDirectory($0) }, etcd: etcd, defaultName: nil)
  }

  /// A certificate of the test's authority; times are seconds from now.
  func issue(
    _ names: String..., key: TestAuthority.Key = .p256, from: Int = -3600, until: Int = 86_400
  ) -> TestAuthority.Issued {
    authority.issue(names, key: key, from: from, until: until)
  }

  /// All that etcd has, `later` seconds from now.
  ///
  /// What was there before and is no more is deleted, as is what only the copy on disk had.
  func list(_ values: [String: [UInt8]], later: Int64 = 0) -> Bool {
    var changes: [String: [UInt8]?] = values.mapValues { $0 }
    let kept = (store.etcd?.copy ?? []).flatMap { $0.values.map { KeyText.text($0.key) } }
    for key in present.union(kept) where values[key] == nil {
      changes.updateValue(nil, forKey: key)
    }
    return change(changes, later: later)
  }

  /// Changes at one revision; `nil` for a deletion.
  func change(_ changes: [String: [UInt8]?], later: Int64 = 0) -> Bool {
    for (key, value) in changes {
      if value == nil { present.remove(key) } else { present.insert(key) }
    }
    let list = changes.sorted { $0.key < $1.key }.map { key, value in
      value.map { .put(Self.stored(key, $0)) } ?? StoredChange.deleted(key: Array(key.utf8))
    }
    return store.update { $0.apply(list, now: now + later) }
  }

  static func stored(_ key: String, _ value: [UInt8]) -> StoredValue {
    StoredValue(key: Array(key.utf8), value: value)
  }

  /// The serial numbers of what is served for a name; empty for nothing.
  func serials(_ name: String) -> [String] {
    let bytes = Array(name.utf8)
    guard let entry = store.index.lookup(bytes.span) else { return [] }
    return store.index.entries[entry].certificates.map(\.serial)
  }

  func serves(_ issued: TestAuthority.Issued, _ name: String) throws -> Bool {
    serials(name) == [try Certificate(pem: issued.bundle).serial]
  }

  var reasons: [String] { store.refusals.map(\.reason) }
  var sources: [String] { store.refusals.map(\.source) }
}
