internal import CertStore
internal import Configuration

/// The orders of certificates, for as long as the configuration has some.
final class CertificateOrders {
  /// `nil` where none are ordered.
  private(set) var issuer: Issuer?

  /// Goes on by other settings, with an issuer that `make` makes where there is none; without settings it ends.
  ///
  /// Returns an issuer that is new.
  func follow(_ settings: AcmeSettings?, make: (AcmeSettings) -> Issuer) -> Issuer? {
    guard let settings else {
      end()
      return nil
    }
    if let issuer {
      issuer.reconfigure(settings)
      return nil
    }
    let made = make(settings)
    issuer = made
    return made
  }

  func everySecond() { issuer?.everySecond() }

  /// Other certificates are served.
  func install(_ index: CertificateIndex) { issuer?.install(index) }

  /// Lets another server issue.
  func end() {
    issuer?.end()
    issuer = nil
  }
}

@available(*, unavailable) extension CertificateOrders: Sendable {}
