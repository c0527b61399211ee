internal import Configuration
internal import DNSCore
internal import HTTPCore

/// The servers of a fleet as a command knows them, and how it knows.
struct FleetServers: Equatable {
  enum Source: String, Equatable {
    /// `dns.servers`, or a fleet of one server without etcd.
    case configuration
    /// The server that runs with the configuration.
    case running
    case etcd
    /// The others could not be asked.
    case alone
  }

  var zone: DNSName
  /// By their numbers.
  var servers: [KnownServer]
  var source: Source
  /// What somebody has to know who relies on `servers`.
  var remarks: [String] = []

  /// What all names of clients lead to.
  ///
  /// A zone that leaves no room for it is refused by the configuration.
  var all: DNSName { zone.prepending("all") ?? zone }

  func name(of server: KnownServer) -> DNSName { zone.prepending("ns\(server.number)") ?? zone }

  var addresses: [IPAddress] { servers.flatMap(\.addresses) }

  /// Whose port an address belongs to, in words.
  func owner(of address: IPAddress) -> String {
    guard let server = servers.first(where: { $0.addresses.contains(address) }) else {
      return "no server of the fleet"
    }
    let label = "ns\(server.number)"
    return node(of: server).map { "\(label), \($0)" } ?? label
  }

  /// What a server is called; `nil` for one of which the configuration only has the addresses.
  func node(of server: KnownServer) -> String? {
    IPAddress(Array(server.node.utf8).span) == nil ? server.node : nil
  }

}

extension FleetServers {
  /// From the configuration alone; `nil` where etcd names the servers.
  init?(_ settings: NameServiceSettings, _ configuration: Configuration) {
    let own = configuration.publicAddresses
    guard !settings.servers.isEmpty || configuration.etcd == nil else { return nil }
    let port = configuration.listen.https.first?.port ?? 443
    let lists = settings.servers.isEmpty ? [own] : settings.servers
    let servers = KnownServer.configured(
      lists, node: configuration.node, own: own, port: port)
    self.init(zone: settings.zone, servers: servers, source: .configuration)
    if settings.servers.isEmpty {
      remarks.append(
        "this is a fleet of one server: the configuration has neither 'etcd' nor 'dns.servers'")
    }
  }

  /// What the fleet told, and this server where it has not told yet.
  init(
    _ told: [KnownServer], from source: Source, _ settings: NameServiceSettings,
    _ configuration: Configuration
  ) {
    self.init(
      zone: settings.zone, servers: told.sorted { $0.number < $1.number }, source: source)
    guard !told.contains(where: { $0.node == configuration.node }) else { return }
    let number = Self.freeNumber(beside: told)
    let own = KnownServer(
      node: configuration.node, number: number, addresses: configuration.publicAddresses,
      port: configuration.listen.https.first?.port ?? 443)
    servers.append(own)
    servers.sort { $0.number < $1.number }
    guard source != .alone else {
      remarks.append(
        "only this server is known: the running server and etcd were asked for the others, and did not tell;"
          + " enter the records once all servers have run")
      return
    }
    remarks.append(
      told.isEmpty
        ? "only this server is known: none has told the fleet its addresses yet; enter the records once all"
          + " servers have run"
        : "this server has not told the fleet its addresses yet; it becomes ns\(number) unless another one"
          + " does so first")
  }

  /// The number that a server without one gets: the smallest that is free.
  private static func freeNumber(beside servers: [KnownServer]) -> Int {
    let taken = Set(servers.map(\.number))
    return (1...(taken.count + 1)).first { !taken.contains($0) } ?? 1
  }
}

extension IPAddress {
  var string: String { String(decoding: text, as: UTF8.self) }

  var recordType: DNSType { isIPv4 ? .ipv4 : .ipv6 }
}

extension DNSRecord {
  /// The address of an A or AAAA record; `nil` for others.
  var address: IPAddress? {
    switch data {
    case .ipv4(let octets), .ipv6(let octets): IPAddress(octets: octets)
    default: nil
    }
  }
}
