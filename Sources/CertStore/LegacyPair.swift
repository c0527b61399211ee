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

  /// Whether a key of etcd may be a part of a pair.
  package static func isPart(_ key: [UInt8]) -> Bool {
    key == chainKey
      || key.count > keySuffix.count && key.suffix(keySuffix.count) == keySuffix[...]
        && !key.contains(UInt8(ascii: "/"))
  }

  /// The keys to ask etcd for, where not all of its root is to be read: the chain, and `DOMAIN.key` for
  /// each of these normalised hosts and for the domains above it.
  package static func keys(for hosts: [[UInt8]]) -> [[UInt8]] {
    var domains: Set<[UInt8]> = []
    for host in hosts {
      var rest = host.starts(with: Array("*.".utf8)) ? host.dropFirst(2) : host[...]
      while let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
        domains.insert(Array(rest))
        rest = rest[(dot + 1)...]
      }
    }
    let keys = domains.sorted {
      $0.count == $1.count ? $0.lexicographicallyPrecedes($1) : $0.count < $1.count
    }
    return [chainKey] + keys.prefix(triedMax).map { $0 + keySuffix }
  }

  /// What the values at the root come to; their order does not matter.
  static func offer(_ values: [[UInt8]: [UInt8]]) -> CertificateOffer {
    guard let chain = values[chainKey] else { return .absent }
    guard !CertificateOffer.isTombstone(chain) else { return .removed }
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
          certificate, record, name: "\(KeyText.text(chainKey)) + \(KeyText.text(key))")
      } catch {
        if error == .keyDoesNotFit { isWaiting = true } else { reason = reason ?? error }
      }
    }
    if let reason, !isWaiting { return .refused("\(reason)") }
    return .refused("waiting for the pair to match")
  }
}
