internal import Configuration
internal import Etcd
internal import EventLoop

/// A configuration that answers DNS, and the search for the servers of its fleet.
struct FleetSearch {
  let configuration: Configuration
  let settings: NameServiceSettings

  init(_ configuration: Configuration, _ settings: NameServiceSettings) {
    self.configuration = configuration
    self.settings = settings
  }

  /// Reads the configuration; throws with what is to be said.
  init(_ file: ConfigurationFile) throws {
    let loaded = ConfigurationLoader.load(
      path: file.config, environment: Environment.current())
    guard let configuration = loaded.configuration else {
      StandardError.write(Report.text(loaded.diagnostics))
      throw CommandFailure("'\(file.config)' has mistakes")
    }
    guard let settings = configuration.nameService else {
      throw CommandFailure("'\(file.config)' has no 'dns'")
    }
    self.init(configuration, settings)
  }

  /// Who answers for the zone: as the configuration says, else the running server, else etcd.
  func servers() -> FleetServers {
    if let found = FleetServers(settings, configuration) { return found }
    if let told = running() { return fleet(told, from: .running) }
    do {
      return fleet(try stored(), from: .etcd)
    } catch {
      var found = fleet([], from: .alone)
      found.remarks.append("etcd: \(error)")
      return found
    }
  }

  private func fleet(_ told: [KnownServer], from source: FleetServers.Source) -> FleetServers {
    FleetServers(told, from: source, settings, configuration)
  }

  /// What the server says that runs with this configuration; `nil` where none does.
  private func running() -> [KnownServer]? {
    guard let address = configuration.listen.admin,
      let reply = try? AdminClient(address: address).send("GET", "/dns"), reply.status == 200,
      let report = try? NamesReport(json: reply.body)
    else { return nil }
    return report.known
  }

  /// Keys of one answer: a server may say of thousands of addresses that it cannot connect to them.
  private static let pageKeysMax: Int64 = 10

  private func stored() throws -> [KnownServer] {
    // Without etcd the configuration names them.
    guard let shared = configuration.etcd else { return [] }
    let loop = try EventLoop()
    let client = EtcdClient(shared.etcd, on: loop)
    defer { client.close() }
    var register = FleetRegister(prefix: shared.prefix, node: configuration.node)
    var listing = Listing(register.range, pageKeysMax: Self.pageKeysMax)
    while true {
      var answer: Result<RangeResponse, CallError>?
      client.range(listing.request) { answer = $0 }
      while answer == nil { try loop.turn(mayWait: true) }
      guard let response = try answer?.get() else { continue }
      switch listing.take(response) {
      case .ask: continue
      case .whole(_, let found):
        register.apply(Changes(put: found))
        return register.known
      case .failed(let reason): throw CommandFailure(reason)
      }
    }
  }

  /// The names that a CA is shown values for in the zone of the fleet.
  var orderedNames: [String] {
    guard let acme = configuration.acme, acme.dns == .fleet else { return [] }
    return acme.certificates.filter { $0.challenge == .dns }.flatMap(\.names)
  }

  /// The names of clients: those of `dns.names`, or the hosts of routes.
  var names: [String] {
    if !settings.names.isEmpty { return settings.names }
    return configuration.routedHosts.map { String(decoding: $0, as: UTF8.self) }
  }
}
