internal import EventLoop
internal import HTTPCore

/// Reads the `acme` mapping.
struct AcmeReader {
  let context: ReadingContext
  let listen: ListenSettings
  let names: NamedZones

  /// `nil` where the file has none.
  func read(_ top: Section) -> AcmeSettings? {
    guard let section = top.optionalSection("acme") else { return nil }
    let accepted = termsAccepted(section)
    let issuers = AcmeIssuersReader(context: context, hasAuthority: section.isGiven("ca"))
      .read(section)
    var settings = AcmeSettings(
      termsAccepted: accepted, contacts: contacts(section, issuers), issuers: issuers,
      certificates: [], dns: AcmeDNSReader(context: context, names: names).read(section),
      routedHosts: routedHosts(section), authorityFile: section.path("ca"),
      renewAt: renewAt(section))
    if let path = settings.authorityFile {
      context.named.files.authorities.append((path, section.position(of: "ca")))
    }
    let certificates = AcmeCertificatesReader(
      context: context, settings: settings, listen: listen, names: names)
    settings.certificates = certificates.read(section)
    if !section.isGiven("dns"), !settings.certificates.contains(where: { $0.challenge == .dns }) {
      settings.dns = nil
    }
    checkSharing(top, section)
    context.named.acme.settings = settings
    context.named.acme.isAlone =
      !top.isGiven("etcd") && top.position(of: "directory", in: "certificates") == nil
    return settings
  }

  private func termsAccepted(_ section: Section) -> Bool {
    let mistakes = context.findings.errorCount
    let isAccepted = section.flag("terms_accepted")
    if !isAccepted, !section.isRefused, !section.isReported("terms_accepted"), context.isComplete,
      context.findings.errorCount == mistakes
    {
      context.findings.error(
        section.position(of: "terms_accepted"),
        "'acme' needs 'terms_accepted: true': CAs give certificates to those who accept their terms"
      )
    }
    return isAccepted
  }

  /// Whether exact hosts of routes get certificates; says so where nothing is ordered at all.
  private func routedHosts(_ section: Section) -> Bool {
    let mistakes = context.findings.errorCount
    let isRouted = section.word("hosts") == "routed"
    let isRight = context.findings.errorCount == mistakes && !section.isReported("hosts")
    let value = section.take("certificates").value
    let isNothing = value.map { $0.isNothing || $0.isEmptyList } ?? true
    if isNothing, !isRouted, isRight, !section.isRefused, context.isComplete {
      context.findings.error(
        section.position(of: "certificates"),
        "'acme' orders nothing: it needs 'certificates: [{ names: [example.org] }]' or 'hosts: routed'"
      )
    }
    return isRouted
  }

  /// Says which names clients never ask this server for; after the routes were read.
  func warnOfUnusedNames() {
    let named = context.named
    guard context.isComplete, !named.hosts.isEmpty, !named.routed.hasCatchAll else { return }
    let hosts = Set(named.hosts.map(\.name) + (named.defaultName.map { [$0.name] } ?? []))
    let above = Set(hosts.compactMap { AcmeName.wildcard(over: $0) })
    for (name, position) in named.acme.names where !hosts.contains(name) {
      let wildcard = AcmeName.wildcard(over: name)
      // A wildcard is of use to each host that it covers, and a name to a route for a wildcard.
      if wildcard.map({ hosts.contains($0) }) ?? above.contains(name) { continue }
      context.findings.warning(position, "no route is for '\(Found.shortened(name))'")
    }
  }

  /// What servers that share certificates need for it.
  private func checkSharing(_ top: Section, _ section: Section) {
    guard top.isGiven("etcd"), context.isComplete else { return }
    if top.position(of: "etcd", in: "certificates") == nil {
      context.findings.error(
        section.position,
        "'acme' with 'etcd' needs 'certificates: { etcd: {} }', through which all servers get what one"
          + " has ordered")
    }
    if top.position(of: "encryption_keys", in: "etcd") == nil {
      context.findings.error(
        section.position,
        "'acme' with 'etcd' needs 'etcd.encryption_keys': the account's key is not stored without;"
          + " edgeproxy cert new-key makes a line of it")
    }
  }

  // MARK: Contacts

  private static let mail = "a mail address such as ops@example.org"

  private func contacts(_ section: Section, _ issuers: [AcmeSettings.Issuer]) -> [String] {
    guard let value = section.take("contact").value, !value.isNothing else {
      warnOfNone(section, issuers)
      return []
    }
    var items = [value]
    if case .list(let list) = value.content { items = list }
    if items.count > Directives.acmeContactsMax {
      context.findings.error(
        value.position,
        "'contact' must have at most \(Directives.acmeContactsMax), found \(items.count)")
    }
    var contacts: [String] = []
    for item in items.prefix(Directives.acmeContactsMax) {
      guard let text = context.text(item, "contact", Self.mail) else { continue }
      let address = text.hasPrefix("mailto:") ? String(text.dropFirst(7)) : text
      if let reason = Self.mistake(inMail: address) {
        context.findings.error(
          item.position,
          "'contact' must be \(Self.mail), found '\(Found.shortened(text))'\(reason)")
      } else if !contacts.contains("mailto:\(address)") {
        contacts.append("mailto:\(address)")
      }
    }
    return contacts
  }

  private func warnOfNone(_ section: Section, _ issuers: [AcmeSettings.Issuer]) {
    guard context.isComplete, !section.isRefused, !section.isReported("contact"),
      !section.isGiven("ca"),
      let other = issuers.first(where: { !$0.name.hasPrefix("letsencrypt") })
    else { return }
    context.findings.warning(
      section.position,
      "'acme' has no 'contact': Let's Encrypt needs none, and '\(Found.shortened(other.name))' may")
  }

  /// What is wrong with a contact, RFC 8555 §7.3; `nil` for nothing.
  ///
  /// It is one address, without header fields.
  private static func mistake(inMail text: String) -> String? {
    if text.contains(",") || text.contains(" ") {
      return "; several are a list, such as [a@example.org, b@example.org]"
    }
    if text.contains("?") { return "; nothing stands behind the address" }
    if text.contains(":") { return "; only mail is taken" }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.count <= 64,
      parts[0].utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"<>\"()[]\\;".utf8.contains($0) })
    else { return "" }
    let domain = Array(parts[1].utf8)
    var normal: [UInt8] = []
    guard HostName.normalise(domain.span, into: &normal) else { return "" }
    return normal.contains(UInt8(ascii: ".")) ? nil : "; its domain has no dot"
  }

  // MARK: Renewal

  private static let part = "auto or a part of the lifetime from 0.5 to 0.9"

  private func renewAt(_ section: Section) -> Double? {
    guard let (text, position) = section.text("renew_at", Self.part), text != "auto" else {
      return nil
    }
    let isNumber =
      text.utf8.count <= 8 && text.utf8.allSatisfy { $0 == 0x2E || (48...57).contains($0) }
    if isNumber, let part = Double(text), (0.5...0.9).contains(part) { return part }
    context.findings.error(
      position,
      "'renew_at' must be \(Self.part), found '\(Found.shortened(text))'\(Self.hint(text))")
    return nil
  }

  private static func hint(_ text: String) -> String {
    if ["ari", "automatic", "default", "true", "yes", "on"].contains(text.lowercased()) {
      return Found.meant("auto")
    }
    if let percent = Number.parse(String(text.prefix { $0 != "%" })), (50...90).contains(percent) {
      return Found.meant("0.\(percent)")
    }
    let isTime = TimeSpan.parse(text) != nil || TimeSpan.meant(by: text) != nil
    return isTime ? "; it is no time: 0.67 renews a certificate of 90 days after 60" : ""
  }
}
