package import TLS

/// Certificates that answer together.
package final class TestSet: CertificateSet {
  package let certificates: [Certificate]

  package init(_ certificates: [Certificate]) { self.certificates = certificates }
}

/// The one set that every name has.
package final class EveryName: CertificateSelector {
  private let only: TestSet

  package init(_ certificate: Certificate) { only = TestSet([certificate]) }

  package var fallback: (any CertificateSet)? { only }

  package func certificates(for serverName: borrowing Span<UInt8>) -> (any CertificateSet)? { only }

  package func serves(_ set: any CertificateSet) -> Bool { set === only }

  package func clientRule(for serverName: borrowing Span<UInt8>) -> ClientRule? { nil }
}
