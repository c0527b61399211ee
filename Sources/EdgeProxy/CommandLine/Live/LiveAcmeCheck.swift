internal import ACME
internal import CertStore
internal import Configuration
internal import DNS
internal import DNSCore
internal import Etcd
internal import EventLoop
internal import HTTPCore
internal import TLS
internal import Wire

/// Asks the CAs for their directories, and finds out whether their questions over http come to this fleet.
///
/// Every server that runs answers the token `edgeproxy-NODE` with its name. What is wrong may come right by
/// itself, or be so for this machine alone, so all of it is a warning.
final class LiveAcmeCheck {
  private let check: LiveCheck
  private let settings: AcmeSettings
  private let loop: EventLoop
  private let caller: HTTPCaller
  /// The questions that are not answered yet.
  private var open = 0
  private var lookups: [String: Lookup] = [:]
  private var targets: [DNSName: ChallengeTarget] = [:]
  private var nodes: [String] = []

  private static let patience = Duration.seconds(10)
  /// CAs refuse what is further away from their time.
  private static let skewSecondsMax: Int64 = 300
  /// Names that are asked for at once.
  private static let namesAtOnce = 16
  private static let httpPort: UInt16 = 80

  init(check: LiveCheck, settings: AcmeSettings, loop: EventLoop) {
    self.check = check
    self.settings = settings
    self.loop = loop
    caller = HTTPCaller(
      ClientIdentity(authorityFile: settings.authorityFile), on: loop,
      userAgent: "edgeproxy/\(Version.text)")
  }

  func run() throws(SystemError) {
    defer { caller.close() }
    for (issuer, position) in zip(settings.issuers, check.named.acme.issuers) {
      ask(issuer, position)
    }
    nodes = try knownNodes()
    for (name, position) in names {
      while open >= Self.namesAtOnce { try loop.turn(mayWait: true) }
      try look(up: name, position)
    }
    followRecords()
    while open > 0 { try loop.turn(mayWait: true) }
  }

  // MARK: Records

  /// Follows the name of each record of challenge dns to the zone that is to be changed.
  private func followRecords() {
    let names = Set(
      settings.certificates.filter { $0.challenge == .dns }.flatMap(\.names))
    var seen: Set<DNSName> = []
    for (name, position) in check.named.acme.names where names.contains(name) {
      guard case .update(let update)? = settings.dns, let found = UpdateSolver.Settings(update)
      else {
        return check.findings.note(
          position,
          "whether the hook's records reach the issuer was not looked at; 'edgeproxy acme issue NAME"
            + " --staging' tries it")
      }
      let plain = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
      guard let record = DNSName(plain)?.prepending("_acme-challenge"), seen.insert(record).inserted
      else { continue }
      open += 1
      targets[record] = ChallengeTarget(record, found, resolvers: resolvers(update), on: loop) {
        [unowned self] outcome in
        targets[record] = nil
        open -= 1
        if case .failure(let failure) = outcome {
          check.findings.warning(position, "no record can be written for '\(name)': \(failure)")
        }
      }
    }
  }

  private func resolvers(_ update: AcmeSettings.Update) -> [SocketAddress] {
    if let resolver = update.resolver { return [resolver] }
    let text = try? WholeFile.read(ResolverFile.path, bytesMax: ResolverFile.bytesMax)
    return ResolverFile.servers(text ?? [])
  }

  // MARK: Issuers

  private func ask(_ issuer: AcmeSettings.Issuer, _ position: Position) {
    guard let url = HTTPURL(issuer.directory) else { return }
    open += 1
    caller.call(HTTPRequest(method: .get, url: url), within: Self.patience) { [unowned self] in
      open -= 1
      for line in Self.judge(issuer, url, $0, time: WallTime.seconds) {
        check.findings.warning(position, line)
      }
    }
  }

  /// What is wrong with the answer of a CA; `time` is in seconds since 1970.
  static func judge(
    _ issuer: AcmeSettings.Issuer, _ url: HTTPURL,
    _ answer: Result<HTTPResponse, HTTPCallError>, time: Int64
  ) -> [String] {
    let name = Found.shortened(issuer.name)
    let response: HTTPResponse
    switch answer {
    case .failure(let error): return ["'\(name)' does not answer: \(error)"]
    case .success(let found): response = found
    }
    guard response.status == 200 else {
      return ["'\(name)' answers \(response.status) where its directory should be"]
    }
    var lines: [String] = []
    do throws(ACMEError) {
      let directory = try Directory(response.body, from: url)
      if directory.needsExternalAccount, issuer.externalAccount == nil {
        lines.append("'\(name)' wants an 'external_account'")
      }
      if let profile = issuer.profile, !directory.profiles.contains(profile) {
        let known = directory.profiles.isEmpty ? "none" : Found.alternatives(directory.profiles)
        lines.append("'\(name)' has no profile '\(profile)': it lists \(known)")
      }
    } catch {
      lines.append("'\(name)' gives no directory of ACME: \(error)")
    }
    if let theirs = date(response), abs(time - theirs) > skewSecondsMax {
      let side = time > theirs ? "ahead of" : "behind"
      lines.append(
        "the clock here is \(abs(time - theirs)) s \(side) that of '\(name)': nothing is ordered while it"
          + " is more than \(skewSecondsMax) s")
    }
    return lines
  }

  private static func date(_ response: HTTPResponse) -> Int64? {
    guard let text = response.first("date") else { return nil }
    let bytes = Array(text.utf8)
    return HTTPDate.parse(bytes.span)
  }

  // MARK: Names

  /// Those that a CA asks for over http, each once, with where they are named.
  private var names: [(name: String, position: Position)] {
    let named = check.named
    let http = Set(
      settings.certificates.filter { $0.challenge == .http }.flatMap(\.names))
    var seen = Set(settings.certificates.flatMap(\.names)).subtracting(http)
    var asked = named.acme.names.filter { http.contains($0.text) }
    if settings.routedHosts {
      asked += named.hosts.filter { settings.canOrder($0.name) }.map { ($0.name, $0.position) }
    }
    return asked.compactMap { seen.insert($0.text).inserted ? ($0.text, $0.position) : nil }
  }

  /// This server, and those that etcd knows.
  private func knownNodes() throws(SystemError) -> [String] {
    let own = check.configuration.node
    guard let shared = check.configuration.etcd else { return [own] }
    let client = EtcdClient(shared.etcd, on: loop)
    defer { client.close() }
    let start = Array((shared.prefix + Sightings.directory).utf8)
    var answer: Result<RangeResponse, CallError>?
    client.range(RangeRequest(KeyRange.prefix(start))) { answer = $0 }
    while answer == nil { try loop.turn(mayWait: true) }
    // That etcd does not answer was told.
    guard case .success(let response)? = answer else { return [own] }
    let others = response.keyValues.compactMap { NodeName.read($0.key.dropFirst(start.count)) }
    return [own] + others.filter { $0 != own }
  }

  private func look(up name: String, _ position: Position) throws(SystemError) {
    open += 1
    lookups[name] = try Lookup(name, port: Self.httpPort, on: loop) { [unowned self] answer in
      lookups[name] = nil
      open -= 1
      switch answer {
      case .failure(let error):
        check.findings.warning(
          position, "'\(name)' has no address, and a CA asks there: \(error.reason)")
      case .success(let addresses):
        for address in addresses { ask(name, address, position, nodes[...], nil) }
      }
    }
  }

  /// Asks at one address for the token of one server after the other.
  private func ask(
    _ name: String, _ address: SocketAddress, _ position: Position, _ rest: ArraySlice<String>,
    _ last: Result<HTTPResponse, HTTPCallError>?
  ) {
    guard let node = rest.first else {
      if let last { check.findings.warning(position, Self.stranger(name, address, last)) }
      return
    }
    let path = "/.well-known/acme-challenge/edgeproxy-\(node)"
    guard let url = HTTPURL("http://\(name)\(path)") else {
      return ask(name, address, position, rest.dropFirst(), last)
    }
    open += 1
    caller.call(HTTPRequest(method: .get, url: url), at: [address], within: Self.patience) {
      [unowned self] answer in
      open -= 1
      if Self.isOurs(answer, node) { return }
      // Where nobody answers nobody does for another token.
      let isSilent = if case .failure = answer { true } else { false }
      ask(name, address, position, isSilent ? [] : rest.dropFirst(), answer)
    }
  }

  static func isOurs(_ answer: Result<HTTPResponse, HTTPCallError>, _ node: String) -> Bool {
    guard case .success(let response) = answer, response.status == 200 else { return false }
    return response.body == Array("\(node)\n".utf8) || response.body == Array(node.utf8)
  }

  /// What is said of an address at which no server of the fleet answers.
  static func stranger(
    _ name: String, _ address: SocketAddress, _ answer: Result<HTTPResponse, HTTPCallError>
  ) -> String {
    switch answer {
    case .failure(let error):
      "a CA asks for '\(name)' at \(address), where nobody answers: \(error)"
    case .success(let response):
      "a CA asks for '\(name)' at \(address), where no running server of this fleet answers, but another"
        + " one with \(response.status)"
    }
  }
}

@available(*, unavailable) extension LiveAcmeCheck: Sendable {}
