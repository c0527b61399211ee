internal import Configuration
internal import DNSCore
internal import EventLoop
internal import HTTPCore
internal import Logging

/// What DNS says of this server and its fleet.
extension Server {
  /// Begins to find out which servers live, where DNS or a provider of it is told; the link to the fleet is new,
  /// or there is none.
  func findAddresses() {
    guard let settings = configuration.addressing else {
      names.keep(nil)
      return names.go(by: nil)
    }
    let found = FleetAddresses(
      returnAfter: settings.returnAfter, configured: settings.configured,
      publicAddresses: settings.publicAddresses, node: configuration.node,
      httpsPort: settings.port, isOpen: isReachable,
      store: fleet?.addressStore(state: configuration.state), after: names.addresses, on: loop,
      logger: logger, warnings: warnings
    ) { [unowned self] in names.changed() }
    fleet?.follow(found)
    names.keep(nil)
    names.go(by: found)
    keepRecords()
  }

  /// Goes on by the configuration.
  func followNames() {
    names.follow(configuration)
    keepRecords()
  }

  private func keepRecords() {
    guard let settings = configuration.records else { return names.keep(nil) }
    if let keeper = names.records { return keeper.reconfigure(settings) }
    let store: any RecordStore =
      fleet?.recordStore()
      ?? LocalRecords(state: configuration.state, node: configuration.node, on: loop)
    names.keep(
      RecordKeeper(
        settings, store: store, fleet: { [unowned self] in names.addresses?.forRecords }, on: loop,
        logger: logger, warnings: warnings, now: Self.wallClock
      ) { [loop, logger] in
        RecordProviders.make($0, environment: Environment.current(), on: loop, logger: logger)
      })
  }

  /// Whether clients that DNS leads here are served.
  private var isReachable: Bool { ports.isOpen && !ability.isDraining }

  func tellReachable() { names.addresses?.tell(isOpen: isReachable) }

  /// A command about names.
  func change(_ command: NamesCommand, _ done: @escaping (AdminAnswer) -> Void) {
    switch command {
    case .forget(let node):
      guard let addresses = names.addresses else { return done(.text(409, AdminDesk.nameless)) }
      addresses.forget(node) { failure in
        done(
          failure.map { .text(409, "\($0)\n") } ?? .text(200, "'\(node)' is forgotten\n"))
      }
    case .checks(let isDryRun):
      guard let records = configuration.records else {
        return done(.text(409, "the configuration has no 'records'\n"))
      }
      // A client leads to the port of https everywhere. While records are not touched, checks are not either.
      ProviderChecks(records, port: 443, on: loop, logger: logger)
        .set(isDryRun: isDryRun || records.isDryRun, done)
    }
  }
}

/// What it takes to find out who lives.
struct Addressing: Equatable {
  let publicAddresses: [IPAddress]
  let port: UInt16
  let returnAfter: Duration
  /// The addresses of all servers, for a fleet without etcd.
  let configured: [[IPAddress]]
}

extension Configuration {
  /// `nil` where nothing in DNS depends on it.
  var addressing: Addressing? {
    guard nameService != nil || records != nil else { return nil }
    return Addressing(
      publicAddresses: publicAddresses, port: listen.https.first?.port ?? 443,
      returnAfter: nameService?.returnAfter ?? .seconds(30),
      configured: etcd == nil ? nameService?.servers ?? [] : [])
  }
}

extension FleetAddresses {
  /// `nil` while the servers are not known.
  fileprivate var forRecords: RecordPlan.Fleet? {
    guard isKnown else { return nil }
    return RecordPlan.Fleet(known: Set(servers.flatMap(\.addresses)), wanted: Set(living))
  }
}
