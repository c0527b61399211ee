internal import Configuration
internal import Etcd
internal import EventLoop
internal import HTTPCore

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
    guard let address = ListenSettings.preferred(configuration.listen.admin),
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

  /// Where the name server of an address is asked: this server where it listens, the others at port 53.
  func place(of address: IPAddress) -> SocketAddress? {
    let isOwn = configuration.publicAddresses.contains(address)
    let listener = isOwn ? settings.listener(of: address) : nil
    return SocketAddress(ip: address.string, port: listener?.port ?? NamesSurvey.port)
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

extension NameServiceSettings {
  /// What listens at an address of this machine: the listener of that address, or one of all of its family.
  ///
  /// `nil` where none does, as behind a router that has the address, and where the kernel chooses the port.
  fileprivate func listener(of address: IPAddress) -> SocketAddress? {
    let everywhere = address.isIPv4 ? "0.0.0.0" : "::"
    let fixed = listen.filter { $0.port != 0 }
    return fixed.first { IPAddress($0) == address } ?? fixed.first { $0.host == everywhere }
  }
}
