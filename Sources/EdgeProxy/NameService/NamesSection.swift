internal import HTTPCore

/// What is told of one address of the fleet.
struct AddressReport: Equatable {
  var address: IPAddress
  /// The servers that have it, one as a rule.
  var servers: [String]
  var state: LivingAddresses.State
  /// Since when it is so, in seconds since 1970.
  var since: Int64
  var isAnswered: Bool
  /// The servers that connect to it, and those that cannot.
  var connects: [String]
  var fails: [String]

  init(
    address: IPAddress, servers: [String], state: LivingAddresses.State, since: Int64,
    isAnswered: Bool, witnesses: (connects: [String], fails: [String])
  ) {
    self.address = address
    self.servers = servers
    self.state = state
    self.since = since
    self.isAnswered = isAnswered
    (connects, fails) = (witnesses.connects, witnesses.fails)
  }
}

extension LivingAddresses.State {
  enum Word: String, CaseIterable { case living, returning, away }

  var word: Word {
    switch self {
    case .living: .living
    case .returning: .returning
    case .away: .away
    }
  }
}

/// The addresses of the fleet: which live, since when, and who says so.
struct NamesSection {
  var servers: [KnownServer]
  var addresses: [AddressReport]
  /// Whether the servers of the fleet are known.
  var isKnown: Bool
  /// Why the words of the others do not count.
  var trouble: String?
  /// How often addresses were left out of answers since the start, and answered again.
  var changes: (away: Int, back: Int)

  /// Names of servers that are told for one address; the others are counted.
  static let namesMax = 16

  var section: StatusSection {
    StatusSection(
      name: "addresses",
      value: [
        "known": .flag(isKnown), "trouble": trouble.map { .text($0) } ?? .nothing,
        "left_out": .number(changes.away), "answered_again": .number(changes.back),
        "servers": .list(servers.map(Self.value)), "addresses": .list(addresses.map(Self.value)),
      ],
      text: text, metrics: metrics)
  }

  private static func value(_ server: KnownServer) -> StatusValue {
    [
      "server": .text(server.node), "number": .number(server.number),
      "addresses": .texts(server.addresses.map(text)), "port": .number(Int(server.port)),
    ]
  }

  private static func value(_ report: AddressReport) -> StatusValue {
    [
      "address": .text(text(report.address)), "servers": .texts(report.servers),
      "state": .text(report.state.word.rawValue), "since": .time(report.since),
      "answered": .flag(report.isAnswered), "connects": .number(report.connects.count),
      "fails": .number(report.fails.count),
      "connects_from": .texts(Array(report.connects.prefix(namesMax))),
      "fails_from": .texts(Array(report.fails.prefix(namesMax))),
    ]
  }

  static func text(_ address: IPAddress) -> String {
    String(decoding: address.text, as: UTF8.self)
  }

  private var text: [StatusText] {
    let answered = addresses.count(where: \.isAnswered)
    let words = isKnown ? "\(answered) of \(addresses.count) answered" : "not known yet"
    let away = addresses.filter { $0.state.word != .living }.map { report in
      "\(Self.text(report.address)) \(report.state.word.rawValue)"
        + (report.isAnswered ? ", answered all the same" : "")
    }
    return [.line("addresses", ([words] + away).joined(separator: "; "))]
      + (trouble.map { [.line("addresses", $0)] } ?? [])
  }

  private var metrics: [Metric] {
    var states = Metric.gauge("fleet_addresses", "Public addresses of the fleet, by their state.")
    for word in LivingAddresses.State.Word.allCases {
      states.add(addresses.count { $0.state.word == word }, ("state", word.rawValue))
    }
    var changes = Metric.counter(
      "fleet_address_changes_total", "Addresses that were left out of answers, or answered again.")
    changes.add(self.changes.away, ("to", "away"))
    changes.add(self.changes.back, ("to", "answered"))
    return [
      states,
      Metric.gauge("fleet_addresses_answered", "Public addresses of the fleet that DNS answers.")
        .adding(addresses.count(where: \.isAnswered)),
      changes,
    ]
  }
}
