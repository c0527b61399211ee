internal import CertStore
internal import Configuration
internal import EventLoop
internal import Logging

/// The certificates that this server and its fleet order by themselves.
extension Server {
  /// Makes what the loader of certificates reads before anything was issued.
  func prepareIssuance() {
    guard configuration.issuedDirectory != nil else { return }
    LocalIssuance.prepare(state: configuration.state)
  }

  /// Begins to issue as the configuration says, goes on by another one, or ends.
  func issue() {
    guard !draining.isEnding else { return }
    let made = orders.follow(configuration.acme) { settings in
      let (store, publisher) = issuanceParts
      return Issuer(
        settings, store, publisher, on: loop, logger: logger, warnings: warnings,
        now: Self.wallClock
      ) { [unowned self] in
        try Solvers.make(
          $0, records: { [unowned self] in configuration.records },
          environment: Environment.current(), on: loop, logger: logger)
      }
    }
    made?.install(certificates.index)
    routeIssued()
  }

  /// A fleet's orders and challenges are in etcd, those of a server by itself in its state directory and
  /// its workers.
  private var issuanceParts: (any IssuanceStore, any ChallengePublisher) {
    if let fleet, let source = configuration.certificates.etcd {
      let store = fleet.issuanceStore(certificates: source.prefix)
      if let publisher = fleet.challenges(under: { [weak store] in store?.leaseIdentifier }) {
        return (store, publisher)
      }
    }
    return (
      LocalIssuance(state: configuration.state, node: configuration.node, on: loop),
      LocalChallenges(challenges, on: loop, node: configuration.node)
    )
  }

  /// Hosts that a route or an application has, for those that get certificates without being named.
  func routeIssued() {
    guard let issuer = orders.issuer, configuration.acme?.routedHosts ?? false else { return }
    let routed = configuration.routedHosts + applications.hosts
    issuer.route(routed.map { String(decoding: $0, as: UTF8.self) }.filter { !$0.hasPrefix("*") })
  }
}
