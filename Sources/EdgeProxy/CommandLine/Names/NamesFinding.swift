internal import DNS
internal import DNSCore
internal import EventLoop
internal import Glibc
internal import HTTPCore

/// One thing that was looked at from outside.
struct NamesFinding: Equatable {
  enum Verdict: String, Equatable {
    case ok, wrong
    /// It cannot be seen from this machine.
    case unknown
  }

  var verdict: Verdict
  /// What was found and, where it is wrong, what to do.
  var text: String

  static func ok(_ text: String) -> NamesFinding { NamesFinding(verdict: .ok, text: text) }
  static func wrong(_ text: String) -> NamesFinding { NamesFinding(verdict: .wrong, text: text) }
  static func unknown(_ text: String) -> NamesFinding {
    NamesFinding(verdict: .unknown, text: text)
  }
}

// MARK: The zone above

extension NamesFinding {
  /// What one server of the zone above said of the fleet's zone.
  struct ParentAnswer {
    /// As in `ns1.provider.net (192.0.2.53:53)`.
    var server: String
    var outcome: DNSQuery.Outcome
  }

  /// What all servers of the zone above said; those that say the same are in one line.
  static func delegation(
    _ answers: [ParentAnswer], in parent: DNSName, _ fleet: FleetServers
  ) -> [NamesFinding] {
    var places: [(finding: NamesFinding, servers: [String])] = []
    for answer in answers {
      for finding in delegation(answer.outcome, in: parent, fleet) {
        if let place = places.firstIndex(where: { $0.finding == finding }) {
          places[place].servers.append(answer.server)
        } else {
          places.append((finding, [answer.server]))
        }
      }
    }
    let hasAnswer = places.contains { $0.finding.verdict != .unknown }
    return places.compactMap { finding, servers in
      // Some servers of a provider may be out of reach here, those with IPv6 most often.
      if hasAnswer, finding.verdict == .unknown { return nil }
      let all = servers.count == answers.count ? "all servers of '\(parent)': " : ""
      return NamesFinding(
        verdict: hasAnswer || answers.isEmpty ? finding.verdict : .wrong,
        text: "\(finding.text) (\(all)\(servers.joined(separator: ", ")))")
    }
  }

  private static func delegation(
    _ outcome: DNSQuery.Outcome, in parent: DNSName, _ fleet: FleetServers
  ) -> [NamesFinding] {
    let answer: DNSMessage
    switch outcome {
    case .failure(let error): return [.unknown("no delegation was seen: \(error)")]
    case .success(let message): answer = message
    }
    switch Delegation.read(answer, of: fleet.zone) {
    case .missing:
      return [
        .wrong("'\(fleet.zone)' is not delegated in '\(parent)': enter the NS records and the glue")
      ]
    case .other(let text): return [.wrong("'\(fleet.zone)' is not delegated: \(text)")]
    case .stranger(let text): return [.unknown("no delegation was seen: \(text)")]
    case .delegated(let delegation):
      let mistakes = delegation.mistakes(fleet)
      guard mistakes.isEmpty else {
        return mistakes.map { .wrong("the delegation of '\(fleet.zone)': \($0)") }
      }
      let names = fleet.servers.map { "ns\($0.number)" }.joined(separator: ", ")
      return [.ok("'\(fleet.zone)' is delegated to \(names), with their addresses")]
    }
  }
}

// MARK: Port 53

extension NamesFinding {
  /// What an address of the fleet says over UDP and over TCP.
  static func port(
    _ address: IPAddress, udp: DNSProbe.Outcome, tcp: DNSProbe.Outcome, _ fleet: FleetServers
  ) -> [NamesFinding] {
    let place = "\(address.string) (\(fleet.owner(of: address)))"
    let findings = [("UDP", udp), ("TCP", tcp)].map { carrier, outcome in
      port(place, carrier, outcome, fleet)
    }
    if findings.allSatisfy({ $0.verdict == .ok }) {
      return [.ok("\(place) answers for '\(fleet.zone)' on port 53, over UDP and TCP")]
    }
    return findings[0] == findings[1] ? [findings[0]] : findings
  }

  /// The errors of a machine that cannot reach an address at all.
  private static let unroutable: Set<Int32> = [ENETUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, ENETDOWN]

  private static func port(
    _ place: String, _ carrier: String, _ outcome: DNSProbe.Outcome, _ fleet: FleetServers
  ) -> NamesFinding {
    switch outcome {
    case .failure(.connection(let error)) where unroutable.contains(error.code):
      return .unknown("\(place) cannot be reached from this machine: \(error.reason)")
    case .failure(.connection(let error)) where error.code == ECONNREFUSED:
      return .wrong(
        "\(place): nothing listens on port 53 over \(carrier): see 'edgeproxy status' and the log there, which"
          + " say why, or start it")
    case .failure(let error):
      return .wrong(
        "\(place): no answer on port 53 over \(carrier): \(error); let \(carrier) port 53 through every"
          + " firewall, and see that the server runs")
    case .success(let answer):
      guard let mistake = mistake(answer.message, fleet) else {
        return .ok("\(place) answers for '\(fleet.zone)' on port 53 over \(carrier)")
      }
      return .wrong("\(place): \(mistake)")
    }
  }

  /// What is wrong with an answer to the question for the NS records of the fleet's zone.
  private static func mistake(_ answer: DNSMessage, _ fleet: FleetServers) -> String? {
    guard answer.code == .noError, answer.isAuthoritative else {
      return "another name server answers there, which does not have the zone '\(fleet.zone)'"
        + " (\(answer.code)): stop that one, or correct 'public'"
    }
    let told = Set(
      answer.answers.compactMap { record -> DNSName? in
        guard case .nameServer(let name) = record.data else { return nil }
        return name
      })
    let known = Set(fleet.servers.map(fleet.name))
    guard told != known, !answer.isTruncated else { return nil }
    let list = told.map(\.description).sorted().joined(separator: ", ")
    return "it knows other servers than are known here: \(list.isEmpty ? "none" : list); compare"
      + " 'etcd.prefix' or 'dns.servers' of the two"
  }
}

// MARK: Names

extension NamesFinding {
  /// What the zone of `record` says of its name; `asked` is a name below where it is a wildcard.
  static func alias(
    _ record: ProviderRecords.Record, to target: DNSName, asked: DNSName,
    _ outcome: DNSQuery.Outcome
  ) -> NamesFinding {
    let answer: DNSMessage
    switch outcome {
    case .failure(let error):
      return .unknown("'\(record.name)' was not looked at: \(error)")
    case .success(let message): answer = message
    }
    let end = AliasChain.end(of: asked, answer, stopAt: target)
    if end == target { return .ok("'\(record.name)' leads to '\(target)'") }
    let entry = "'\(record.name)' CNAME '\(target)'"
    guard end == asked else {
      return .wrong("'\(record.name)' leads to '\(end)': enter \(entry) instead")
    }
    if answer.answers.contains(where: { $0.name == asked }) {
      return .wrong(
        "'\(record.name)' has records of its own, which stay when a server is away: enter \(entry) instead"
      )
    }
    guard answer.isAuthoritative else {
      return .unknown(
        "'\(record.name)' is not in '\(record.zone)': it is a zone of its own, or in one below; its apex can"
          + " have no CNAME, see docs/dns.md")
    }
    return .wrong("'\(record.name)' is missing: enter \(entry)")
  }

  /// The addresses that the apex of a zone has.
  static func apex(
    _ name: DNSName, _ addresses: Set<IPAddress>, failure: String?, _ fleet: FleetServers
  ) -> NamesFinding {
    let foreign = addresses.subtracting(fleet.addresses).map(\.string).sorted()
    if !foreign.isEmpty {
      return .wrong(
        "'\(name)' has addresses of no server of the fleet: \(foreign.joined(separator: ", ")); remove them"
      )
    }
    if !addresses.isEmpty {
      return .ok("'\(name)' has \(addresses.count) of the \(fleet.addresses.count) addresses")
    }
    if let failure { return .unknown("'\(name)' was not looked at: \(failure)") }
    return .wrong("'\(name)' has no address: enter one for each server, or ALIAS '\(fleet.all)'")
  }

  /// What a resolver says in the end, as it does to clients.
  static func resolved(
    _ addresses: Set<IPAddress>, failure: String?, _ fleet: FleetServers
  ) -> NamesFinding {
    let foreign = addresses.subtracting(fleet.addresses).map(\.string).sorted()
    if !foreign.isEmpty {
      return .wrong(
        "a resolver gets addresses of no server of the fleet for '\(fleet.all)':"
          + " \(foreign.joined(separator: ", "))")
    }
    guard addresses.isEmpty else {
      let list = addresses.map(\.string).sorted().joined(separator: ", ")
      return .ok("a resolver gets addresses for '\(fleet.all)': \(list)")
    }
    return .wrong(
      "a resolver gets no address for '\(fleet.all)'\(failure.map { ": \($0)" } ?? ""); it may keep an older"
        + " answer for some minutes after the records were entered")
  }
}

/// Where an answer's aliases lead.
enum AliasChain {
  private static let aliasesMax = 8

  /// The last name that the answer leads to from `name`, or `target` where it passes there.
  static func end(of name: DNSName, _ answer: DNSMessage, stopAt target: DNSName) -> DNSName {
    var current = name
    // An answer may go in a circle.
    for _ in 0..<aliasesMax where current != target {
      let record = answer.answers.first { $0.type == .alias && $0.name == current }
      guard case .alias(let next)? = record?.data else { break }
      current = next
    }
    return current
  }
}
