internal import ACME
internal import EventLoop

/// Reads which certificates are ordered.
struct AcmeCertificatesReader {
  let context: ReadingContext
  /// What else `acme` has.
  let settings: AcmeSettings
  let listen: ListenSettings
  let names: NamedZones

  private typealias Name = (text: String, position: Position)

  func read(_ acme: Section) -> [AcmeSettings.Wanted] {
    let items = acme.items(of: acme.take("certificates").value, "certificates")
    if items.count > Directives.acmeCertificatesMax {
      context.findings.error(
        acme.position(of: "certificates"),
        "'certificates' must have at most \(Directives.acmeCertificatesMax), found \(items.count)")
    }
    var wanted: [AcmeSettings.Wanted] = []
    var seen = Seen()
    for (section, _) in items {
      let names = names(section)
      let challenge = challenge(section, names)
      let keys = keys(section)
      guard let first = names.first else { continue }
      let next = AcmeSettings.Wanted(names: names.map(\.text), challenge: challenge, keys: keys)
      report(next, section.name, at: first.position, beside: &seen)
      wanted.append(next)
    }
    if context.named.acme.hasDNS, settings.dns != nil, !wanted.isEmpty,
      !wanted.contains(where: { $0.challenge == .dns })
    {
      context.findings.warning(
        acme.position(of: "dns"), "'dns' is not used: no certificate has challenge dns")
    }
    return wanted
  }

  /// The certificates before, as messages call them, by what no two may have in common.
  private struct Seen {
    var sets: [Set<String>: String] = [:]
    var firsts: [String: String] = [:]
  }

  /// A certificate is called by its first name, wherever it is kept.
  private func report(
    _ next: AcmeSettings.Wanted, _ place: String, at position: Position, beside seen: inout Seen
  ) {
    let names = Set(next.names)
    let first = next.names[0]
    if let other = seen.sets[names] {
      context.findings.error(
        position, "\(other) has the same names; 'key: both' is for two kinds of key")
    } else if let other = seen.firsts[first] {
      context.findings.error(
        position,
        "\(other) has the same first name '\(first)', which is what a certificate is called: put another"
          + " name first")
    } else {
      seen.sets[names] = place
      seen.firsts[first] = place
    }
  }

  // MARK: Names

  private func names(_ section: Section) -> [Name] {
    let mistakes = context.findings.errorCount
    let texts = section.texts("names", "names such as app.example.org")
    if section.isGiven("names"), texts.isEmpty, context.isComplete,
      context.findings.errorCount == mistakes, !section.isReported("names")
    {
      context.findings.error(
        section.position(of: "names"), "'names' must have at least one name")
    }
    checkCount(texts.count, section.position(of: "names"))
    var names: [Name] = []
    var lines: [String: Int] = [:]
    guard section.isGiven("names") else { return [] }
    for (text, position) in texts {
      guard let name = name(text, position) else { continue }
      if let line = lines.updateValue(position.line, forKey: name) {
        context.findings.error(position, "'\(name)' is there twice, first on line \(line)")
      } else {
        names.append((name, position))
      }
    }
    reportCovered(names)
    return names
  }

  private func checkCount(_ count: Int, _ position: Position) {
    let (most, why) =
      settings.shortProfile.map { (AcmeSettings.shortNamesMax, " with profile \($0)") }
      ?? (AcmeSettings.namesMax, "")
    guard count > most else { return }
    context.findings.error(position, "'names' must have at most \(most)\(why), found \(count)")
  }

  private func name(_ text: String, _ position: Position) -> String? {
    if SocketAddress(ip: text, port: 1) != nil {
      context.findings.error(
        position, "'\(text)' is an IP address, and certificates are ordered for DNS names")
      return nil
    }
    if HostPattern.isEverything(text) {
      context.findings.error(
        position,
        "'\(text)' is no name: '*.example.org' stands for one label of anything, and there is no more"
      )
      return nil
    }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: "names", wildcard: true) {
      context.findings.error(position, mistake)
    }
    guard let name = pattern.normal else { return nil }
    let isPrivate = settings.authorityFile != nil
    if let obstacle = AcmeName.obstacle(name, isPrivate: isPrivate) {
      context.findings.error(position, "'\(Found.shortened(name))' \(obstacle)")
    } else {
      context.named.acme.names.append((name, position))
    }
    return name
  }

  /// CAs refuse what a wildcard of the same certificate covers.
  private func reportCovered(_ names: [Name]) {
    let all = Set(names.map(\.text))
    for (name, position) in names {
      guard let wildcard = AcmeName.wildcard(over: name), all.contains(wildcard) else { continue }
      context.findings.error(
        position, "'\(name)' is covered by '\(wildcard)' beside it, and CAs refuse both in one")
    }
  }

  // MARK: Challenge and key

  private func challenge(_ section: Section, _ names: [Name]) -> ChallengeType {
    let wildcard = names.first { $0.text.hasPrefix("*.") }
    let mistakes = context.findings.errorCount
    let word = section.word("challenge")
    let given = AcmeSettings.challenges.first { $0.word == word }?.type
    let isWrong = context.findings.errorCount != mistakes || section.isReported("challenge")
    let type = given ?? (wildcard == nil ? .http : .dns)
    guard !isWrong, !names.isEmpty, context.isComplete else { return type }
    let position =
      section.isGiven("challenge") ? section.position(of: "challenge") : names[0].position
    if let wildcard, type != .dns {
      context.findings.error(
        position, "'\(wildcard.text)' needs challenge dns, found \(word)")
    } else {
      checkWay(type, wildcard ?? names[0], position)
      if type == .dns { reportOutOfReach(names) }
    }
    return type
  }

  /// Says which names cannot have their values where `acme.dns` has them written.
  private func reportOutOfReach(_ all: [Name]) {
    for (name, position) in all {
      let plain = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
      let reason: String? =
        switch settings.dns {
        case .fleet: names.whyNotAnswered(plain)
        case .records: names.whyNotKept(plain)
        default: nil
        }
      if let reason { context.findings.error(position, "'\(Found.shortened(name))' \(reason)") }
    }
  }

  /// Whether the CA comes through with its question.
  private func checkWay(_ type: ChallengeType, _ name: Name, _ position: Position) {
    switch type {
    case .dns where settings.dns == nil && !context.named.acme.hasDNS:
      context.findings.error(
        position,
        "'\(name.text)' needs challenge dns, and that 'dns' at the top, or 'acme.dns' with 'update' or"
          + " 'hook'")
    case .http where !listen.http.contains(where: { $0.port == 80 }):
      context.findings.warning(
        position,
        "challenge http for '\(name.text)' comes to port 80, and 'listen.http' has no address with it"
      )
    case .alpn where !listen.https.contains(where: { $0.port == 443 }):
      context.findings.warning(
        position,
        "challenge tls-alpn for '\(name.text)' comes to port 443, and 'listen.https' has no address with"
          + " it")
    default: break
    }
  }

  private func keys(_ section: Section) -> [AcmeSettings.KeyKind] {
    switch section.word("key") {
    case "both": [.ecdsa, .rsa]
    case "rsa": [.rsa]
    default: [.ecdsa]
    }
  }
}
