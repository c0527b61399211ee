internal import DNSCore
internal import EventLoop

/// What `dns setup` is about: the fleet, the names of its clients, and those that certificates are ordered for.
struct NamesSetup {
  let fleet: FleetServers
  let names: [String]
  let ordered: [String]

  /// The zones in which records are entered, for each name that has some.
  func zones(_ survey: NamesSurvey) throws(SystemError) -> [DNSName: DNSName] {
    let all = (names + ordered).compactMap { DNSName($0) }
    let wildcards = all.filter { ProviderRecords.plain($0) != $0 }.map(ProviderRecords.plain)
    let above = fleet.zone.enclosing.map { [$0] } ?? []
    let asked = (above + all.map(ProviderRecords.plain)).filter { !$0.isWithin(fleet.zone) }
    return try survey.zones(of: asked, places: Set(above + wildcards))
  }

  func records(zones: [DNSName: DNSName] = [:]) -> ProviderRecords {
    ProviderRecords(fleet, names: names, ordered: ordered, zones: zones)
  }
}
