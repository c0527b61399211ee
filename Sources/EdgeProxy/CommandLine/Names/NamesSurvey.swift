internal import DNS
internal import DNSCore
internal import EventLoop
internal import HTTPCore

/// Looks at DNS from outside, as the world does: the zone above the fleet's, the servers' port 53, and the names
/// that lead to the fleet.
final class NamesSurvey {
  /// Whom to ask, and where.
  struct Wire {
    var resolvers: [SocketAddress]
    /// Where the name server of an address is asked.
    var place: (IPAddress) -> SocketAddress? = {
      SocketAddress(ip: $0.string, port: NamesSurvey.port)
    }
  }

  static let port: UInt16 = 53
  /// Name servers of one zone, and their addresses, that are asked; zones have a dozen at most.
  private static let serversMax = 32

  private let wire: Wire
  private let questions: NamesQuestions
  /// The name servers of each name that was asked for; none where it is no zone.
  private var nameServers: [DNSName: [DNSName]] = [:]
  private var places: [DNSName: [NameServer]] = [:]
  /// What no resolver answered.
  private var resolverFailure: String?
  /// Below a wildcard; nobody has asked for it before, so that nobody has an older answer.
  private let label = "edgeproxy-" + String(UInt32.random(in: 0 ... .max), radix: 36)

  private struct NameServer {
    var name: DNSName
    var address: SocketAddress
  }

  init(_ wire: Wire, on loop: EventLoop) {
    self.wire = wire
    questions = NamesQuestions(on: loop)
  }

  // MARK: Zones

  /// The zone of each name, as far as resolvers know.
  ///
  /// A resolver keeps that there is no such name, and would still say so once it was entered. So it is asked for
  /// those alone that are there in all likelihood: `places`, and names of two labels.
  func zones(of names: [DNSName], places: Set<DNSName>) throws(SystemError) -> [DNSName: DNSName] {
    var zones: [DNSName: DNSName] = [:]
    for name in names where zones[name] == nil {
      let isThere = places.contains(name) || name.labels.count <= 2
      guard let start = isThere ? name : name.enclosing else { continue }
      if let zone = try zone(of: start) { zones[name] = zone }
    }
    return zones
  }

  private func zone(of name: DNSName) throws(SystemError) -> DNSName? {
    var candidate: DNSName? = name
    while let zone = candidate {
      if try !servers(named: zone).isEmpty { return zone }
      candidate = zone.enclosing
    }
    return nil
  }

  private func servers(named zone: DNSName) throws(SystemError) -> [DNSName] {
    if let known = nameServers[zone] { return known }
    var servers: [DNSName] = []
    switch try ask(zone, .nameServer, at: wire.resolvers, recursive: true) {
    case .failure(let error): resolverFailure = "\(error)"
    case .success(let answer):
      let names = answer.answers.compactMap { record -> DNSName? in
        guard record.name == zone, case .nameServer(let name) = record.data else { return nil }
        return name
      }
      servers = Array(names.prefix(Self.serversMax))
    }
    nameServers[zone] = servers
    return servers
  }

  /// Where the servers of a zone are asked.
  private func places(of zone: DNSName) throws(SystemError) -> [NameServer] {
    if let known = places[zone] { return known }
    let names = try servers(named: zone)
    var found: [Set<IPAddress>] = Array(repeating: [], count: names.count)
    for (place, name) in names.enumerated() {
      for type in [DNSType.ipv4, .ipv6] {
        try questions.query(name, type, at: wire.resolvers, recursive: true) {
          guard case .success(let answer) = $0 else { return }
          found[place].formUnion(answer.answers.compactMap(\.address))
        }
      }
    }
    try questions.settle()
    let servers = zip(names, found).flatMap { name, addresses in
      // Addresses of IPv4 first: most machines reach them.
      addresses.sorted { ($0.isIPv4 ? 0 : 1, $0.string) < ($1.isIPv4 ? 0 : 1, $1.string) }
        .compactMap(wire.place).map { NameServer(name: name, address: $0) }
    }
    let asked = Array(servers.prefix(Self.serversMax))
    places[zone] = asked
    return asked
  }

  private func ask(
    _ name: DNSName, _ type: DNSType, at servers: [SocketAddress], recursive: Bool
  ) throws(SystemError) -> DNSQuery.Outcome {
    var outcome = Self.nobody
    guard !servers.isEmpty else { return outcome }
    try questions.query(name, type, at: servers, recursive: recursive) { outcome = $0 }
    try questions.settle()
    return outcome
  }

  private static let nobody = DNSQuery.Outcome.failure(
    DNSQueryError(description: "no server of the zone is known"))

  // MARK: Checks

  /// Everything that was found, in the order in which it has to be right.
  func check(_ records: ProviderRecords) throws(SystemError) -> [NamesFinding] {
    let fleet = records.fleet
    let delegation = try delegation(of: fleet)
    var findings = try delegation + ports(fleet) + names(records)
    // Before there is a delegation, a resolver would only learn, and keep, that there is none.
    if delegation.allSatisfy({ $0.verdict == .ok }) { findings.append(try resolved(fleet)) }
    return findings
  }

  func delegation(of fleet: FleetServers) throws(SystemError) -> [NamesFinding] {
    guard let above = fleet.zone.enclosing, let parent = try zone(of: above) else {
      let reason = resolverFailure.map { ": \($0)" } ?? ""
      return [
        .wrong(
          "no resolver says which servers have the zone above '\(fleet.zone)'\(reason); another resolver is"
            + " asked with '--resolver'")
      ]
    }
    let servers = try places(of: parent)
    guard !servers.isEmpty else {
      return [.wrong("no resolver has the addresses of the servers of '\(parent)'")]
    }
    var outcomes: [Int: DNSQuery.Outcome] = [:]
    for (place, server) in servers.enumerated() {
      try questions.query(fleet.zone, .nameServer, at: [server.address], recursive: false) {
        outcomes[place] = $0
      }
    }
    try questions.settle()
    let answers = servers.enumerated().compactMap { place, server in
      outcomes[place].map {
        NamesFinding.ParentAnswer(server: "\(server.name) at \(server.address.host)", outcome: $0)
      }
    }
    return NamesFinding.delegation(answers, in: parent, fleet)
  }

  /// What the servers say at port 53, `but` for some addresses.
  func ports(
    _ fleet: FleetServers, but omitted: Set<IPAddress> = []
  ) throws(SystemError) -> [NamesFinding] {
    let question = DNSQuestion(name: fleet.zone, type: .nameServer)
    let addresses = fleet.addresses.filter { !omitted.contains($0) }
    var udp: [IPAddress: DNSProbe.Outcome] = [:]
    var tcp: [IPAddress: DNSProbe.Outcome] = [:]
    for address in addresses {
      guard let place = wire.place(address) else { continue }
      try questions.probe(question, at: place, over: .udp) { udp[address] = $0 }
      try questions.probe(question, at: place, over: .tcp) { tcp[address] = $0 }
    }
    try questions.settle()
    return addresses.flatMap { address -> [NamesFinding] in
      guard let udp = udp[address], let tcp = tcp[address] else { return [] }
      return NamesFinding.port(address, udp: udp, tcp: tcp, fleet)
    }
  }

  func names(_ records: ProviderRecords) throws(SystemError) -> [NamesFinding] {
    let aliases = records.aliases
    var outcomes: [Int: DNSQuery.Outcome] = [:]
    for (place, (record, _)) in aliases.enumerated() {
      let servers = try places(of: record.zone).map(\.address)
      guard !servers.isEmpty else { continue }
      let type = record.purpose == .certificates ? DNSType.text : .ipv4
      try questions.query(asked(for: record.name), type, at: servers, recursive: false) {
        outcomes[place] = $0
      }
    }
    try questions.settle()
    var findings = aliases.enumerated().map { place, alias in
      NamesFinding.alias(
        alias.record, to: alias.target, asked: asked(for: alias.record.name),
        outcomes[place] ?? Self.nobody)
    }
    for name in records.apexes {
      let (addresses, failure) = try addresses(
        of: name, at: places(of: name).map(\.address), recursive: false)
      findings.append(NamesFinding.apex(name, addresses, failure: failure, records.fleet))
    }
    return findings
  }

  /// A name that nobody has entered, where it is a wildcard.
  private func asked(for name: DNSName) -> DNSName {
    let plain = ProviderRecords.plain(name)
    return plain == name ? name : plain.prepending(label) ?? plain
  }

  /// Asks the whole way, as clients do.
  func resolved(_ fleet: FleetServers) throws(SystemError) -> NamesFinding {
    let (addresses, failure) = try addresses(of: fleet.all, at: wire.resolvers, recursive: true)
    return NamesFinding.resolved(addresses, failure: failure, fleet)
  }

  private func addresses(
    of name: DNSName, at servers: [SocketAddress], recursive: Bool
  ) throws(SystemError) -> (Set<IPAddress>, failure: String?) {
    var found: Set<IPAddress> = []
    var failure: String?
    for type in [DNSType.ipv4, .ipv6] {
      switch try ask(name, type, at: servers, recursive: recursive) {
      case .failure(let error): failure = "\(error)"
      case .success(let answer): found.formUnion(answer.answers.compactMap(\.address))
      }
    }
    return (found, failure)
  }
}

@available(*, unavailable) extension NamesSurvey: Sendable {}
