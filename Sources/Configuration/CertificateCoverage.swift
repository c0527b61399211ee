package import CertStore

/// Whether certificates cover what the configuration routes, and for how long.
package struct CertificateCoverage {
  let findings: Findings
  /// Seconds since 1970.
  let now: Int64

  /// How long before its end a certificate is worth a line.
  private static let expirySeconds: Int64 = 21 * 86_400

  package init(findings: Findings, now: Int64) {
    self.findings = findings
    self.now = now
  }

  package func check(_ index: CertificateIndex, _ named: NamedThings) {
    let position = named.certificatesInEtcd?.position ?? named.certificates.first?.position
    for entry in index.entries { checkEnd(entry, position ?? .start) }
    var said: Set<String> = []
    for (name, position) in named.hosts where !isCovered(name, index) {
      // Once for a host, however many paths of it have routes.
      guard said.insert(name).inserted else { continue }
      findings.error(position, "no certificate covers '\(name)'")
    }
    if let (name, position) = named.defaultName, index.fallback == nil {
      findings.error(position, "no certificate covers '\(name)'")
    }
  }

  private func checkEnd(_ entry: CertificateEntry, _ position: Position) {
    for certificate in entry.certificates where certificate.notAfter - now < Self.expirySeconds {
      let days = (certificate.notAfter - now) / 86_400
      findings.warning(
        position, "'\(entry.source)' expires in \(days) \(days == 1 ? "day" : "days")")
    }
  }

  private func isCovered(_ host: String, _ index: CertificateIndex) -> Bool {
    let name = Array(host.utf8)
    return index.lookup(name.span) != nil
  }
}
