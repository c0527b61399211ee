internal import CertStore
internal import HTTPCore
internal import TLS

/// The certificate index as the TLS layer asks it; each normalises with the same function.
final class CertificateTable: CertificateSelector {
  private let index: CertificateIndex
  private let clientRules: ClientRules?
  /// A name without certificate gets the default one, as for a route for every host.
  private let servesUnknown: Bool
  private var name: [UInt8] = []

  init(_ index: CertificateIndex, _ clientRules: ClientRules?, servesUnknown: Bool) {
    self.index = index
    self.clientRules = clientRules
    self.servesUnknown = servesUnknown
  }

  var fallback: (any CertificateSet)? { index.fallback.map { index.entries[$0] } }

  func serves(_ set: any CertificateSet) -> Bool { index.contains(set) }

  func certificates(for serverName: borrowing Span<UInt8>) -> (any CertificateSet)? {
    guard HostName.normalise(serverName, into: &name) else { return nil }
    let name = name
    let found = index.lookup(name.span) ?? (servesUnknown ? index.fallback : nil)
    return found.map { index.entries[$0] }
  }

  func clientRule(for serverName: borrowing Span<UInt8>) -> ClientRule? {
    guard let clientRules else { return nil }
    let isName = HostName.normalise(serverName, into: &name)
    let name = isName ? name : []
    return clientRules.rule(for: name.span)
  }
}
