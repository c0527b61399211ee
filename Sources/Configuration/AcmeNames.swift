internal import ACME

/// What certificates can be ordered for, and which hosts they will cover.
extension AcmeSettings {
  /// Names of one certificate, for most CAs.
  static let namesMax = 100
  /// With one of the `shortProfiles`.
  static let shortNamesMax = 25
  private static let shortProfiles = ["tlsserver", "shortlived"]

  /// The words of the file.
  static let challenges: [(word: String, type: ChallengeType)] = [
    ("http", .http), ("tls-alpn", .alpn), ("dns", .dns),
  ]

  /// The profile because of which fewer names fit into a certificate; `nil` for none.
  var shortProfile: String? {
    issuers.compactMap(\.profile).first { Self.shortProfiles.contains($0) }
  }

  /// A name in the form in which the configuration has it; `nil` for a text that is none.
  package static func normalName(_ text: String) -> String? { HostPattern.read(text).normal }

  /// Whether the certificates that are ordered cover a host, `*.` first for a wildcard.
  ///
  /// `host` is normalised.
  package func covers(_ host: String) -> Bool {
    if certificates.contains(where: { Self.covers($0.names, host) }) { return true }
    return routedHosts && canOrder(host)
  }

  /// Whether a routed host may get a certificate of its own.
  package func canOrder(_ host: String) -> Bool {
    !host.hasPrefix("*.") && AcmeName.obstacle(host, isPrivate: authorityFile != nil) == nil
  }

  static func covers(_ names: [String], _ host: String) -> Bool {
    if names.contains(host) { return true }
    guard let wildcard = AcmeName.wildcard(over: host) else { return false }
    return names.contains(wildcard)
  }
}

/// A name of a certificate, normalised, with `*.` first for a wildcard.
enum AcmeName {
  /// `*.example.org` for `app.example.org`; `nil` for a wildcard and for a name of one label.
  static func wildcard(over name: String) -> String? {
    guard !name.hasPrefix("*."), let dot = name.firstIndex(of: ".") else { return nil }
    return "*" + name[dot...]
  }

  /// Why no CA gives a certificate for the name, after the name itself; `nil` where one may.
  ///
  /// `isPrivate`: the CA is not one that browsers trust by themselves, so it may know internal names.
  static func obstacle(_ name: String, isPrivate: Bool) -> String? {
    let plain = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
    let labels = plain.split(separator: ".")
    let last = labels.last.map(String.init) ?? ""
    if last.allSatisfy(\.isNumber) {
      return "is an IP address, and certificates are ordered for DNS names"
    }
    if plain.utf8.contains(UInt8(ascii: "_")) { return "has a '_', which no CA takes" }
    if labels.contains(where: { $0.hasPrefix("-") || $0.hasSuffix("-") }) {
      return "has a label with '-' at its end, which no CA takes"
    }
    if isPrivate { return nil }
    let advice = "so no public CA gives a certificate for it; a private CA needs 'ca'"
    if labels.count == 1 { return "has one label, \(advice)" }
    if plain == "home.arpa" || plain.hasSuffix(".home.arpa") {
      return "is below home.arpa, \(advice)"
    }
    return internalEnds.contains(last) ? "ends in .\(last), \(advice)" : nil
  }

  /// Top-level names that are nobody's, RFC 2606, RFC 6761, RFC 6762, and those that people use as such.
  private static let internalEnds: Set<String> = [
    "local", "internal", "test", "example", "invalid", "localhost", "onion", "lan", "intranet",
    "home", "corp", "private", "localdomain", "arpa",
  ]
}
