internal import CertStore
internal import HTTPCore
internal import TLS

/// The certificate index as the TLS layer asks it; each normalises with the same function.
final class CertificateTable: CertificateSelector {
  let index: CertificateIndex
  private var name: [UInt8] = []

  init(_ index: CertificateIndex) { self.index = index }

  var fallback: Int? { index.fallback }

  func certificate(for serverName: borrowing Span<UInt8>) -> Int? {
    guard HostName.normalise(serverName, into: &name) else { return nil }
    let name = name
    return index.lookup(name.span)
  }
}
