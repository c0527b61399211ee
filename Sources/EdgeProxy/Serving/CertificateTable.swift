internal import CertStore
internal import HTTPCore
internal import TLS

/// The certificate index as the TLS layer asks it; each normalises with the same function.
final class CertificateTable: CertificateSelector {
  private let index: CertificateIndex
  private var name: [UInt8] = []

  init(_ index: CertificateIndex) { self.index = index }

  var fallback: (any CertificateSet)? { index.fallback.map { index.entries[$0] } }

  func serves(_ set: any CertificateSet) -> Bool { index.contains(set) }

  func certificates(for serverName: borrowing Span<UInt8>) -> (any CertificateSet)? {
    guard HostName.normalise(serverName, into: &name) else { return nil }
    let name = name
    return index.lookup(name.span).map { index.entries[$0] }
  }
}
