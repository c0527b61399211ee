internal import DNSCore
internal import HTTPCore

/// What a server of the zone above says about the zone of the fleet, RFC 1034 §4.3.2.
struct Delegation: Equatable {
  /// The servers to be asked.
  var servers: Set<DNSName>
  /// Their addresses, as far as the answer has them.
  var glue: [DNSName: Set<IPAddress>]

  enum Reading: Equatable {
    case delegated(Delegation)
    /// It has the zone above, and no delegation in it.
    case missing
    /// Something else is where the delegation should be.
    case other(String)
    /// It does not have the zone above.
    case stranger(String)
  }

  /// Reads an answer to the question for the NS records of `zone`.
  static func read(_ answer: DNSMessage, of zone: DNSName) -> Reading {
    guard answer.code == .noError || answer.code == .noSuchName else {
      return .stranger("it answers \(answer.code)")
    }
    let told = answer.answers + answer.authorities
    let servers = told.compactMap { record -> DNSName? in
      guard record.name == zone, case .nameServer(let name) = record.data else { return nil }
      return name
    }
    guard servers.isEmpty else {
      var glue: [DNSName: Set<IPAddress>] = [:]
      for record in answer.additionals where servers.contains(record.name) {
        if let address = record.address { glue[record.name, default: []].insert(address) }
      }
      return .delegated(Delegation(servers: Set(servers), glue: glue))
    }
    if case .alias(let target)? = answer.answers.first(where: { $0.name == zone })?.data {
      // What the wildcard of clients gives to every name that is not there.
      if target.isWithin(zone) { return .missing }
      return .other(
        "it has a CNAME to '\(target)', of its own or of a wildcard: enter the NS records and the glue instead"
      )
    }
    if answer.isAuthoritative { return .missing }
    // A referral to somewhere else, or an answer out of a resolver's memory.
    return .stranger("it does not have the zone above '\(zone)'")
  }

  /// What is wrong with it for a fleet, with what to do; empty where all is well.
  func mistakes(_ fleet: FleetServers) -> [String] {
    let known = Dictionary(
      fleet.servers.map { (fleet.name(of: $0), Set($0.addresses)) }, uniquingKeysWith: { $1 })
    var mistakes: [String] = []
    for server in fleet.servers {
      let name = fleet.name(of: server)
      guard servers.contains(name) else {
        mistakes.append("enter the NS record '\(fleet.zone)' to '\(name)', which is missing")
        continue
      }
      mistakes += glueMistakes(name, Set(server.addresses))
    }
    for name in servers.subtracting(known.keys).sorted(by: { $0.absolute < $1.absolute }) {
      mistakes.append(
        "remove the NS record to '\(name)', which is no server of the fleet as it is known here")
    }
    return mistakes
  }

  private func glueMistakes(_ name: DNSName, _ addresses: Set<IPAddress>) -> [String] {
    let given = glue[name] ?? []
    let missing = addresses.subtracting(given).sorted { $0.string < $1.string }
    let foreign = given.subtracting(addresses).map(\.string).sorted()
    guard !given.isEmpty else {
      let list = missing.map(\.string).joined(separator: ", ")
      return ["enter the glue of '\(name)', which is missing: \(list)"]
    }
    return missing.map {
      "enter the glue '\(name)' \($0.recordType) \($0.string), which is missing"
    }
      + foreign.map { "remove the glue '\(name)' \($0), which is no address of that server" }
  }
}
