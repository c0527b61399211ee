internal import DNSCore
internal import EventLoop

/// Reads the `records` mapping: the addresses that the fleet keeps at a provider.
struct RecordsReader {
  let context: ReadingContext

  /// `nil` where the file has none, or not all of it.
  func read(_ top: Section) -> RecordsSettings? {
    guard let section = top.optionalSection("records") else { return nil }
    context.named.dns.provider = section.position(of: "provider")
    let zone = zone(section)
    let provider = RecordProviderReader(context: context).read(section)
    let names = names(section, zone)
    let seconds = section.timeToLive("ttl")
    let isDryRun = section.flag("dry_run")
    if case .cloudns = provider { checkForClouDNS(seconds, section.position(of: "ttl")) }
    checkSurroundings(top, section)
    guard let provider, let zone else { return nil }
    return RecordsSettings(
      provider: provider, zone: zone, names: names, seconds: seconds, isDryRun: isDryRun)
  }

  private func zone(_ section: Section) -> DNSName? {
    guard let zone = section.dnsName("zone") else { return nil }
    if !zone.contains(".") {
      context.findings.error(
        section.position(of: "zone"),
        "'zone' must be the zone at the provider, such as example.org, found '\(zone)'")
    }
    return DNSName(zone)
  }

  private func checkSurroundings(_ top: Section, _ section: Section) {
    guard context.isComplete, !section.isRefused else { return }
    if !top.isGiven("public") {
      context.findings.error(
        section.position,
        "'records' needs 'public', the addresses at which clients reach this server: public:"
          + " [203.0.113.1]")
    }
    if !top.isGiven("etcd"), top.position(of: "servers", in: "dns") == nil {
      context.findings.warning(
        section.position,
        "without 'etcd' this server knows no other, and keeps its own addresses alone in 'records'")
    }
  }

  // MARK: Names

  private static let expected = "*, @, one label such as www, or a whole name in the zone"

  private func names(_ section: Section, _ zone: DNSName?) -> [DNSName] {
    let mistakes = context.findings.errorCount
    let texts = section.texts("names", Self.expected)
    let isRight = context.findings.errorCount == mistakes && !section.isReported("names")
    if section.isGiven("names"), texts.isEmpty, context.isComplete, isRight {
      context.findings.error(
        section.position(of: "names"), "'names' must have at least one name")
    }
    if texts.count > Directives.recordNamesMax {
      context.findings.error(
        section.position(of: "names"),
        "'names' must have at most \(Directives.recordNamesMax), found \(texts.count)")
    }
    guard let zone else { return [] }
    var lines: [DNSName: Int] = [:]
    return texts.compactMap { text, position in
      guard let name = name(text, position, zone) else { return nil }
      if let line = lines.updateValue(position.line, forKey: name) {
        context.findings.error(position, "'\(name)' is there twice, first on line \(line)")
      }
      return name
    }
  }

  /// A name as the page of a provider has it, relative to the zone, or whole.
  private func name(_ text: String, _ position: Position, _ zone: DNSName) -> DNSName? {
    if text == "@" { return zone }
    if text == "*" { return zone.prepending("*") }
    let pattern = HostPattern.read(text)
    guard let normal = pattern.normal, let plain = DNSName(normal) else {
      if let mistake = pattern.mistake(key: "names", wildcard: true) {
        context.findings.error(position, mistake)
      }
      return nil
    }
    if plain.isWithin(zone) { return plain }
    let labels = plain.labels
    let isShort = labels.count == 1 || labels.count == 2 && normal.hasPrefix("*.")
    if isShort, !text.hasSuffix("."), let whole = DNSName(labels: labels + zone.labels) {
      return whole
    }
    let hint =
      SocketAddress(ip: normal, port: 1) != nil
      ? "; no addresses belong here" : "; a name of several labels is written whole, in the zone"
    context.findings.error(
      position,
      "'names' must be \(Self.expected) '\(zone)', found '\(Found.shortened(text))'\(hint)")
    return nil
  }

  // MARK: ClouDNS

  /// The seconds that ClouDNS takes, as its pages list them.
  private static let cloudnsSeconds: [UInt32] = [
    60, 300, 900, 1800, 3600, 21_600, 43_200, 86_400,
  ]

  private func checkForClouDNS(_ seconds: UInt32, _ position: Position) {
    let all = Self.cloudnsSeconds
    guard !all.contains(seconds) else { return }
    let nearest = all.min { abs(Int64($0) - Int64(seconds)) < abs(Int64($1) - Int64(seconds)) }
    let words = all.map { TimeSpan.text(.seconds(Int64($0))) }
    context.findings.error(
      position,
      "'ttl' must be \(Found.alternatives(words)) at ClouDNS, found"
        + " '\(TimeSpan.text(.seconds(Int64(seconds))))'"
        + Found.meant(nearest.map { TimeSpan.text(.seconds(Int64($0))) }))
  }
}
