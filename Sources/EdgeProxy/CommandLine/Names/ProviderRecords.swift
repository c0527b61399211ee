internal import Configuration
internal import DNSCore
internal import HTTPCore

/// What has to be entered once at the providers of zones, so that the world asks the fleet.
struct ProviderRecords: Equatable {
  struct Record: Equatable {
    enum Purpose: String, Equatable {
      case delegation, glue, clients, certificates
      /// The apex of a zone, whose addresses have to be kept by hand.
      case apex
    }

    var name: DNSName
    /// The zone in which it is entered.
    var zone: DNSName
    var purpose: Purpose
    var value: Value
    var type: DNSType { value.type }
  }

  enum Value: Equatable {
    case nameServer(DNSName)
    case address(IPAddress)
    case alias(DNSName)

    var type: DNSType {
      switch self {
      case .nameServer: .nameServer
      case .address(let address): address.recordType
      case .alias: .alias
      }
    }

    /// As a zone file has it.
    var text: String {
      switch self {
      case .nameServer(let name), .alias(let name): name.absolute
      case .address(let address): address.string
      }
    }
  }

  /// Nothing in them changes but when a server joins or leaves: a day at most is lost then.
  static let seconds = 3600

  let fleet: FleetServers
  private(set) var records: [Record] = []
  /// What cannot be entered as people expect it.
  private(set) var remarks: [String] = []

  /// Puts together what a fleet needs.
  ///
  /// `names` are to lead to it, such as `*.example.org`, and for `ordered` it orders certificates with its own
  /// DNS. `zones` has the zone of each name, where it was found out; otherwise it is guessed.
  init(
    _ fleet: FleetServers, names: [String], ordered: [String], zones: [DNSName: DNSName] = [:]
  ) {
    self.fleet = fleet
    let parent = fleet.zone.enclosing ?? .root
    let entered = zones[parent] ?? parent
    for server in fleet.servers {
      add(fleet.zone, .nameServer(fleet.name(of: server)), .delegation, in: entered)
    }
    for server in fleet.servers {
      for address in server.addresses {
        add(fleet.name(of: server), .address(address), .glue, in: entered)
      }
    }
    for name in names.compactMap({ DNSName($0) }) { addName(name, zones) }
    for name in ordered { addChallenge(name, zones) }
  }

  private mutating func addName(_ name: DNSName, _ zones: [DNSName: DNSName]) {
    guard !name.isWithin(fleet.zone) else {
      if name != fleet.all {
        remarks.append(
          "'\(name)' lies in the zone of the fleet, which has no name of clients but '\(fleet.all)'"
        )
      }
      return
    }
    let zone = zone(of: name, zones)
    guard name == zone else { return add(name, .alias(fleet.all), .clients, in: zone) }
    for address in fleet.addresses { add(name, .address(address), .apex, in: zone) }
    remarks.append(
      "'\(name)' is the apex of its zone and cannot have a CNAME. Where the provider has ALIAS, ANAME or a"
        + " flattened CNAME, let it lead to '\(fleet.all)' instead of entering addresses. Addresses stay when"
        + " their server is away: clients wait for it then. Let '\(name)' only redirect to a name below it,"
        + " or have its records kept by API ('records')")
  }

  private mutating func addChallenge(_ text: String, _ zones: [DNSName: DNSName]) {
    let plain = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
    guard let name = DNSName(plain), let asked = name.prepending("_acme-challenge") else { return }
    guard !name.isWithin(fleet.zone) else {
      remarks.append(
        "no certificate can be ordered with 'acme.dns: fleet' for '\(text)', which lies in the zone of the"
          + " fleet itself")
      return
    }
    guard let target = DNSName(labels: asked.labels + fleet.zone.labels) else {
      remarks.append(
        "'_acme-challenge.\(plain)' is too long together with '\(fleet.zone)': no certificate can be ordered"
          + " for '\(text)' with 'acme.dns: fleet'")
      return
    }
    add(asked, .alias(target), .certificates, in: zone(of: name, zones))
  }

  private mutating func add(
    _ name: DNSName, _ value: Value, _ purpose: Record.Purpose, in zone: DNSName
  ) {
    let record = Record(name: name, zone: zone, purpose: purpose, value: value)
    if !records.contains(record) { records.append(record) }
  }

  /// Where a name is entered, found out or guessed.
  private func zone(of name: DNSName, _ zones: [DNSName: DNSName]) -> DNSName {
    zones[Self.plain(name)] ?? Self.likelyZone(of: Self.plain(name), fleet: fleet.zone)
  }

  /// Without `*.`, which is no zone.
  static func plain(_ name: DNSName) -> DNSName {
    name.labels.first == [UInt8(ascii: "*")] ? name.enclosing ?? name : name
  }

  /// The zone above the fleet's, or else a name of two labels: most domains are one zone.
  static func likelyZone(of name: DNSName, fleet zone: DNSName) -> DNSName {
    if let parent = zone.enclosing, parent.labels.count > 1, name.isWithin(parent) { return parent }
    return DNSName(labels: name.labels.suffix(2)) ?? name
  }

  /// The zones in which something is to be entered, the one above the fleet's first.
  var zones: [DNSName] {
    var zones: [DNSName] = []
    for record in records where !zones.contains(record.zone) { zones.append(record.zone) }
    return zones
  }

  /// Each name that leads somewhere else by a CNAME.
  var aliases: [(record: Record, target: DNSName)] {
    records.compactMap {
      guard case .alias(let target) = $0.value else { return nil }
      return ($0, target)
    }
  }

  /// Names with addresses of their own, which no server keeps.
  var apexes: [DNSName] {
    var names: [DNSName] = []
    for record in records where record.purpose == .apex && !names.contains(record.name) {
      names.append(record.name)
    }
    return names
  }
}
