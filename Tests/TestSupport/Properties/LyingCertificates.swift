import CertStore
import EventLoop
import TLS

/// An etcd that anybody may write to, and a server with encryption keys that follows its certificates.
enum LyingCertificates {
  private static let now = WallTime.seconds

  private struct Values: Sendable {
    let keys: EncryptionKeys
    /// By what they are: sealed for this fleet, or not.
    let sealed: [[UInt8]]
    let plain: [[UInt8]]
    /// Certificates that only plain values have.
    let forged: Set<String>
    let others: [[UInt8]]
  }

  /// Made once: keys and certificates take milliseconds.
  private static let values: Values? = {
    guard let line = try? EncryptionKeys.newLine(id: "k"),
      let keys = try? EncryptionKeys(text: octets(line))
    else { return nil }
    let authority = TestAuthority()
    var (sealed, plain, others): ([[UInt8]], [[UInt8]], [[UInt8]]) = ([], [], [])
    var forged: Set<String> = []
    for (index, name) in ["a.test", "b.test", "*.test"].enumerated() {
      let good = authority.issue([name], until: 1000 * (index + 1))
      let bad = authority.issue([name], until: 9_000_000)
      guard
        let value = try? CertificateBundle.write(
          chainPEM: good.bundle, keyPEM: nil, keys: keys, now: now),
        let certificate = try? Certificate(pem: bad.bundle)
      else { return nil }
      sealed.append(value)
      plain.append(bad.bundle)
      forged.insert(certificate.serial)
      others += [Array(value.dropLast(30)), Array(bad.bundle.dropFirst(40)), value + bad.bundle]
      // A pair in the legacy layout.
      others += [octets(bad.chain), octets(bad.key)]
    }
    return Values(
      keys: keys, sealed: sealed, plain: plain, forged: forged, others: others + [Tombstone.text])
  }()

  static func judge(_ input: inout FuzzInput) -> String? {
    guard let values else { return "no certificates to lie with" }
    var etcd = EtcdCertificates(keys: values.keys, readsLegacy: true)
    etcd.routedHosts = [octets("a.test")]
    let store = CertStore(directory: nil, etcd: etcd, defaultName: nil)
    var time = now
    for _ in 0..<8 where !input.isEmpty {
      var changes: [StoredChange] = []
      for _ in 0...input.below(3) { changes.append(change(&input, values)) }
      if input.isOnce(in: 8) { time = min(max(0, input.number(Int64.self)), WallTime.secondsMax) }
      _ = store.update { $0.apply(changes, now: time) }
      let served = store.index.entries.flatMap { $0.certificates.map(\.serial) }
      if let serial = served.first(where: values.forged.contains) {
        return "a plain certificate is served: \(serial)"
      }
    }
    return nil
  }

  private static func change(_ input: inout FuzzInput, _ values: Values) -> StoredChange {
    let key = input.word([
      octets("/c/a"), octets("/c/b"), octets("/c/c"), octets("fullchain.cer"),
      octets("a.test.key"), octets("b.test.key"),
    ])
    switch input.below(8) {
    case 0: return .deleted(key: key)
    case 1, 2: return .put(StoredValue(key: key, value: input.choice(values.sealed)))
    case 3, 4: return .put(StoredValue(key: key, value: input.choice(values.plain)))
    case 5, 6: return .put(StoredValue(key: key, value: input.choice(values.others)))
    default: return .put(StoredValue(key: key, value: input.raw(input.below(64))))
    }
  }
}
