internal import TLS

/// The pair that scripts wrote before: `fullchain.cer` and `DOMAIN.key` at the root of etcd's keys.
///
/// The two are written one after the other, so that for a moment they do not fit; what was served before
/// goes on until they do. Of several keys the one that fits is taken.
package enum LegacyPair {
  package static let chainKey = Array("fullchain.cer".utf8)
  private static let keySuffix = Array(".key".utf8)
  /// How many keys are tried.
  private static let triedMax = 100

  private static let unsealed =
    "the private key is not encrypted, although there are encryption keys;"
    + " 'edgeproxy cert import-legacy' stores the pair encrypted"

  /// Whether a key of etcd may be a part of a pair.
  static func isPart(_ key: [UInt8]) -> Bool {
    key == chainKey
      || key.count > keySuffix.count && key.suffix(keySuffix.count) == keySuffix[...]
        && !key.contains(UInt8(ascii: "/"))
  }

  /// Where scripts have put the private key of a domain.
  package static func key(of domain: String) -> [UInt8] { Array(domain.utf8) + keySuffix }

  /// The domain whose private key lies under `key`.
  package static func domain(of key: [UInt8]) -> String {
    String(decoding: key.dropLast(keySuffix.count), as: UTF8.self)
  }

  /// Where the key of a chain may lie: under each of its names, a wildcard's without the `*.`.
  package static func keys(of chain: [UInt8]) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    for name in Certificate.names(ofChain: chain).prefix(triedMax) {
      let key = key(of: name.hasPrefix("*.") ? String(name.dropFirst(2)) : name)
      if !keys.contains(key) { keys.append(key) }
    }
    return keys
  }

  /// What the values at the root come to; their order does not matter.
  ///
  /// A pair is never encrypted, so with encryption keys there is none (`SealedSecrets`), but for the one
  /// that this server has kept.
  static func offer(
    _ values: [[UInt8]: [UInt8]], keys encryption: EncryptionKeys?, isCopy: Bool
  ) -> CertificateOffer {
    guard let chain = values[chainKey] else { return .absent }
    guard !Tombstone.isOne(chain) else { return .removed }
    let isUnsealed = SealedSecrets.refusal(isSealed: false, with: encryption) != nil
    guard isCopy || !isUnsealed else { return .refused(unsealed) }
    let keys = values.keys.filter { $0 != chainKey }
      .sorted { $0.lexicographicallyPrecedes($1) }
    guard !keys.isEmpty else { return .refused("no DOMAIN.key lies beside it") }
    var isWaiting = false
    var reason: CertificateError?
    for key in keys.prefix(triedMax) {
      let value = values[key] ?? []
      do throws(CertificateError) {
        guard !chain.contains(0), !value.contains(0) else { throw .notText }
        let certificate = try Certificate(pem: chain, keyPEM: value)
        let record = CopyRecord([
          StoredValue(key: chainKey, value: chain), StoredValue(key: key, value: value),
        ])
        return .certificate(
          certificate, record, name: "\(KeyText.text(chainKey)) + \(KeyText.text(key))",
          isUnsealed: isUnsealed)
      } catch {
        if error == .keyDoesNotFit { isWaiting = true } else { reason = reason ?? error }
      }
    }
    if let reason, !isWaiting { return .refused("\(reason)") }
    return .refused("waiting for the pair to match")
  }
}
