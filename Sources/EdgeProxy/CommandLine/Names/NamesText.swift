internal import DNSCore
internal import HTTPCore

/// What people read about the names of the fleet.
enum NamesText {
  /// Columns of words, two spaces between them.
  static func table(_ rows: [[String]], indent: String = "") -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      var line = indent
      for (column, word) in row.enumerated() {
        line += word
        guard column + 1 < row.count else { break }
        line += String(repeating: " ", count: widths[column] - word.count + 2)
      }
      return line
    }
  }

  // MARK: Setup

  static func setup(_ records: ProviderRecords) -> String {
    let fleet = records.fleet
    let count = fleet.servers.count
    var lines = [
      "'\(fleet.zone)' is answered by \(count == 1 ? "1 server" : "\(count) servers"),"
        + " \(words(fleet.source)):"
    ]
    lines += table(
      fleet.servers.map { server in
        let node = fleet.node(of: server).map(AcmeText.clean) ?? ""
        return [
          "ns\(server.number)", node, server.addresses.map(\.string).joined(separator: "  "),
        ]
      }, indent: "  ")
    lines += fleet.remarks.map { "note: \($0)" }
    for zone in records.zones { lines += [""] + section(zone, records) }
    for remark in records.remarks { lines += ["", "note: \(remark)."] }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func words(_ source: FleetServers.Source) -> String {
    switch source {
    case .configuration: "as the configuration says"
    case .running: "as the running server says"
    case .etcd: "as etcd says"
    case .alone: "as far as is known here"
    }
  }

  /// What is entered in one zone, in the words of a form and as lines of a zone file.
  private static func section(_ zone: DNSName, _ records: ProviderRecords) -> [String] {
    let entries = records.records.filter { $0.zone == zone }
    // A registry takes name servers with their addresses, and has no form for records.
    let isRegistry = zone.labels.count < 2
    let head =
      isRegistry
      ? "Enter at the registrar of '\(records.fleet.zone)', as its name servers with their addresses (glue):"
      : "Enter in the zone '\(zone)' at its provider:"
    let rows = entries.map {
      [$0.name.relative(to: zone), "\($0.type)", $0.value.text, words($0.purpose)]
    }
    return [head, ""] + table([["name", "type", "value", "for"]] + rows, indent: "  ")
      + ["", "The same as lines of a zone file:", ""]
      + table(
        entries.map {
          [
            $0.name.absolute, "\(ProviderRecords.seconds)", "IN", "\($0.type)", $0.value.text,
          ]
        }, indent: "  ")
  }

  private static func words(_ purpose: ProviderRecords.Record.Purpose) -> String {
    switch purpose {
    case .delegation: "the fleet's zone"
    case .glue: "glue"
    case .clients: "clients"
    case .certificates: "certificates by dns-01"
    case .apex: "clients of the apex; kept by hand"
    }
  }

  static func line(_ finding: NamesFinding) -> String {
    let mark =
      switch finding.verdict {
      case .ok: "ok     "
      case .wrong: "wrong  "
      case .unknown: "?      "
      }
    return mark + AcmeText.clean(finding.text)
  }

  static func json(_ records: ProviderRecords, _ findings: [NamesFinding]?) -> StatusValue {
    let fleet = records.fleet
    let servers = fleet.servers.map { server -> StatusValue in
      [
        "name": .text(fleet.name(of: server).description),
        "node": fleet.node(of: server).map { .text($0) } ?? .nothing,
        "addresses": .texts(server.addresses.map(\.string)),
      ]
    }
    let entries = records.records.map { record -> StatusValue in
      [
        "name": .text(record.name.description), "zone": .text(record.zone.description),
        "relative": .text(record.name.relative(to: record.zone)), "type": .text("\(record.type)"),
        "value": .text(record.value.text), "ttl": .number(ProviderRecords.seconds),
        "for": .text(record.purpose.rawValue),
      ]
    }
    let checks = findings.map { findings in
      StatusValue.list(
        findings.map { ["verdict": .text($0.verdict.rawValue), "text": .text($0.text)] })
    }
    return [
      "zone": .text(fleet.zone.description), "source": .text(fleet.source.rawValue),
      "servers": .list(servers), "records": .list(entries),
      "remarks": .texts(fleet.remarks + records.remarks), "checks": checks ?? .nothing,
    ]
  }

  // MARK: Status

  static func table(_ report: NamesReport) -> String {
    let all = report.servers.flatMap(\.addresses)
    let answered = all.count(where: \.isAnswered)
    let zone = report.zone.map { "\(AcmeText.clean($0)): " } ?? ""
    let first = "\(zone)\(answered) of \(all.count) addresses are answered"
    let trouble = report.trouble.map { ["note: \(AcmeText.clean($0))"] } ?? []
    let rows = report.servers.flatMap { server in
      server.addresses.map { address in
        [
          "ns\(server.number)", server.node, address.address, address.state,
          address.isAnswered ? "answered" : "left out", address.since.map { "since \($0)" } ?? "",
          witnesses(address),
        ].map(AcmeText.clean)
      }
    }
    return ([first] + trouble + table(rows)).map { $0 + "\n" }.joined()
  }

  private static func witnesses(_ address: NamesReport.Address) -> String {
    let seen = address.seenBy.isEmpty ? [] : ["seen by \(address.seenBy.joined(separator: " "))"]
    let failed = address.failedBy ?? []
    return (seen + (failed.isEmpty ? [] : ["not by \(failed.joined(separator: " "))"]))
      .joined(separator: ", ")
  }
}
