internal import DNSCore
internal import HTTPCore

extension NamesSection {
  /// What commands about names read: each server with its addresses, and what is answered.
  ///
  /// `zone` is the one that the fleet answers; `nil` where it only keeps records at a provider.
  func document(zone: DNSName?) -> StatusValue {
    let reports = Dictionary(addresses.map { ($0.address, $0) }, uniquingKeysWith: { $1 })
    let servers = servers.map { server -> StatusValue in
      [
        "node": .text(server.node), "number": .number(server.number),
        "port": .number(Int(server.port)),
        "addresses": .list(server.addresses.map { Self.value($0, reports[$0]) }),
      ]
    }
    let living = addresses.filter(\.isAnswered).map { Self.text($0.address) }
    return [
      "zone": zone.map { .text($0.description) } ?? .nothing, "servers": .list(servers),
      "living": .texts(living), "trouble": trouble.map { .text($0) } ?? .nothing,
    ]
  }

  private static func value(_ address: IPAddress, _ report: AddressReport?) -> StatusValue {
    [
      "address": .text(text(address)), "state": .text(report?.state.word.rawValue ?? "unknown"),
      "since": report.map { .time($0.since) } ?? .nothing,
      "seen_by": .texts(Array((report?.connects ?? []).prefix(namesMax))),
      "failed_by": .texts(Array((report?.fails ?? []).prefix(namesMax))),
      "answered": .flag(report?.isAnswered ?? false),
    ]
  }
}
