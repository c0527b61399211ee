internal import CertStore
internal import Configuration
internal import TLS

/// What each host asks of its clients' certificates, by the server name of TLS.
///
/// The names are those of the routes, and are found as routes are: an exact name asks for what its own routes
/// say, and nothing of the wildcard that covers it.
struct ClientRules: Sendable, Equatable {
  private let byHost: [String: ClientRule?]
  private let names: NameTable<ClientRule?>
  /// For names without routes of their own, and for clients that name no server.
  private let others: ClientRule?

  /// `nil` where no host asks for certificates.
  init?(_ routes: [RouteSettings]) {
    guard routes.contains(where: { $0.clientCertificates != nil }) else { return nil }
    var byHost: [String: ClientRule?] = [:]
    for route in routes {
      for host in route.hosts { byHost[host] = .some(route.clientCertificates) }
    }
    self.byHost = byHost
    others = byHost["*"] ?? nil
    let named = byHost.filter { $0.key != "*" }
    names = NameTable(named.map { (name: Array($0.key.utf8), value: $0.value) })
  }

  /// The rule for a normalised name; empty for a client that names no server.
  func rule(for name: borrowing Span<UInt8>) -> ClientRule? {
    if !name.isEmpty, let found = names.lookup(name) { return found }
    return others
  }

  static func == (left: ClientRules, right: ClientRules) -> Bool { left.byHost == right.byHost }
}
