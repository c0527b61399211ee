package import CertStore

/// Whether certificates cover what the configuration routes, and for how long.
package struct CertificateCoverage {
  let findings: Findings
  /// Seconds since 1970.
  let now: Int64

  package init(findings: Findings, now: Int64) {
    self.findings = findings
    self.now = now
  }

  package func check(_ index: CertificateIndex, _ named: NamedThings) {
    let position = named.certificatesInEtcd?.position ?? named.certificates.first?.position
    for served in index.served { check(served, position ?? .start) }
    var said: Set<String> = []
    for (name, position) in named.hosts where !isCovered(name, index, named.acme.settings) {
      // Once for a host, however many paths of it have routes.
      guard said.insert(name).inserted else { continue }
      report(name, position, named)
    }
    if let (name, position) = named.defaultName, !isCovered(name, index, named.acme.settings) {
      report(name, position, named)
    }
  }

  private func report(_ name: String, _ position: Position, _ named: NamedThings) {
    let advice = named.acme.settings == nil ? "" : "; 'acme.certificates' can have it"
    findings.error(position, "no certificate covers '\(name)'\(advice)")
  }

  private func check(_ served: CertificateIndex.Served, _ position: Position) {
    let certificate = served.certificate
    if let threshold = ExpiryThreshold.crossed(certificate, now: now), threshold != .expired {
      let left = RemainingTime.text(certificate.notAfter - now)
      findings.warning(
        position, "'\(served.source)' expires in \(left)\(certificate.endRemark)")
    }
    for warning in certificate.warnings {
      findings.warning(position, "'\(served.source)': \(warning)")
    }
  }

  /// By a certificate that is there, or by one that is ordered.
  private func isCovered(
    _ host: String, _ index: CertificateIndex, _ acme: AcmeSettings?
  ) -> Bool {
    let name = Array(host.utf8)
    return index.lookup(name.span) != nil || acme?.covers(host) ?? false
  }
}
