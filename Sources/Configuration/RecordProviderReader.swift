internal import DNSCore
internal import EventLoop

/// Reads which provider keeps the records, and how it is reached.
struct RecordProviderReader {
  let context: ReadingContext

  enum Kind: String, CaseIterable {
    case rfc2136, cloudns, exec

    /// The keys of `records` that no other provider has.
    var keys: [String] {
      switch self {
      case .rfc2136: ["server", "key_name", "key_file", "algorithm"]
      case .cloudns:
        ["auth_id", "sub_auth_id", "sub_auth_user", "password_file", "url", "ca"]
      case .exec: ["command", "mode", "environment_file", "timeout"]
      }
    }

    /// Those that it cannot do without, and what they are.
    fileprivate var needed: [(key: String, what: String)] {
      switch self {
      case .rfc2136:
        [
          ("server", "IP:PORT of the primary of the zone"),
          ("key_name", "the name of the TSIG key"), ("key_file", "the file of its secret"),
        ]
      case .cloudns: [("password_file", "the file of the password of the API user")]
      case .exec: [("command", "the program")]
      }
    }
  }

  /// `nil` after a mistake.
  func read(_ section: Section) -> RecordsSettings.Provider? {
    let kind = Kind(rawValue: section.word("provider"))
    if let kind {
      reportForeign(section, kind)
      reportMissing(section, kind)
    }
    // Without a provider whatever is there is looked at.
    let update = kind == nil || kind == .rfc2136 ? self.update(section) : nil
    let cloudns = kind == nil || kind == .cloudns ? self.cloudns(section, kind) : nil
    let hook = kind == nil || kind == .exec ? self.hook(section) : nil
    return switch kind {
    case .rfc2136: update.map { .update($0) }
    case .cloudns: cloudns.map { .cloudns($0) }
    case .exec: hook.map { .hook($0) }
    case nil: nil
    }
  }

  private func reportForeign(_ section: Section, _ kind: Kind) {
    for other in Kind.allCases where other != kind {
      for key in other.keys where section.isGiven(key) && !section.isReported(key) {
        context.findings.error(
          section.position(of: key),
          "'\(key)' is of 'provider: \(other.rawValue)', and this is \(kind.rawValue)")
      }
    }
  }

  private func reportMissing(_ section: Section, _ kind: Kind) {
    guard context.isComplete, !section.isRefused else { return }
    for (key, what) in kind.needed where !section.isGiven(key) {
      context.findings.error(
        section.position(of: "provider"), "'provider: \(kind.rawValue)' needs '\(key)', \(what)")
    }
  }

  // MARK: Updates, RFC 2136

  private func update(_ section: Section) -> RecordsSettings.Update? {
    let server = section.nameServer("server")
    let keyName = section.dnsName("key_name")
    let algorithm = TSIGAlgorithm(rawValue: section.word("algorithm")) ?? .sha256
    let keyFile = section.updateKey("key_file", keyName, algorithm)
    guard let server, let name = keyName.flatMap({ DNSName($0) }), let keyFile else { return nil }
    return RecordsSettings.Update(
      server: server, keyName: name, keyFile: keyFile, algorithm: algorithm)
  }

  // MARK: ClouDNS

  private func cloudns(_ section: Section, _ kind: Kind?) -> RecordsSettings.ClouDNS? {
    let user = user(section, isNeeded: kind == .cloudns)
    let url = url(section)
    let authority = section.path("ca")
    if let authority {
      context.named.files.authorities.append((authority, section.position(of: "ca")))
    }
    guard let path = section.path("password_file") else { return nil }
    context.named.files.secrets.append(
      NamedSecret(path: path, position: section.position(of: "password_file"), kind: .password))
    guard let user, let url else { return nil }
    return RecordsSettings.ClouDNS(
      user: user, passwordFile: path, url: url, authorityFile: authority)
  }

  private static let users = ["auth_id", "sub_auth_id", "sub_auth_user"]

  private func user(
    _ section: Section, isNeeded: Bool
  ) -> RecordsSettings.ClouDNS.User? {
    let given = Self.users.filter { section.isGiven($0) }
    if given.count > 1 {
      context.findings.error(
        section.position(of: given[1]), "'\(given[1])' beside '\(given[0])': there is one user")
    }
    if given.isEmpty, isNeeded, context.isComplete {
      context.findings.error(
        section.position(of: "provider"),
        "'provider: cloudns' needs 'sub_auth_id', 'sub_auth_user' or 'auth_id', the user of its API"
      )
    }
    // Each is read, so that what is wrong with any is said.
    let main = section.isGiven("auth_id") ? section.number("auth_id") : nil
    let sub = section.isGiven("sub_auth_id") ? section.number("sub_auth_id") : nil
    let name = section.text("sub_auth_user")?.text
    return main.map { .main($0) } ?? sub.map { .sub($0) } ?? name.map { .subName($0) }
  }

  private static let address = "the https URL that the paths of the API are behind"

  private func url(_ section: Section) -> String? {
    guard let (text, position) = section.text("url") else { return nil }
    guard let mistake = Self.mistake(inURL: text) else { return text }
    context.findings.error(
      position, "'url' must be \(Self.address), found '\(Found.shortened(text))'\(mistake)")
    return nil
  }

  private static func mistake(inURL text: String) -> String? {
    guard text.hasPrefix("https://") else {
      if text.hasPrefix("http://") {
        return "; the password goes to it, so it is asked by https only"
      }
      return text.contains("://") ? "" : Found.meant("https://\(Found.shortened(text))")
    }
    if text.hasSuffix("/") { return "; no '/' is at its end" }
    let rest = text.dropFirst("https://".count)
    let authority = rest.prefix { $0 != "/" }
    let isHost =
      SocketAddress(String(authority)) != nil || SocketAddress(authority + ":443") != nil
      || HostAndPort(String(authority)) != nil || HostPattern.read(String(authority)).normal != nil
    let isPlain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    return isHost && isPlain && !text.contains(where: { "?#@*".contains($0) }) ? nil : ""
  }

  // MARK: Programs

  private func hook(_ section: Section) -> RecordsSettings.Hook? {
    let mode = RecordsSettings.Hook.Mode(rawValue: section.word("mode")) ?? .own
    let timeout = section.duration("timeout")
    let environment = section.path("environment_file")
    if let environment {
      context.named.files.secrets.append(
        NamedSecret(
          path: environment, position: section.position(of: "environment_file"),
          kind: .environment))
    }
    guard let command = section.program("command") else { return nil }
    return RecordsSettings.Hook(
      command: command, mode: mode, environmentFile: environment, timeout: timeout)
  }
}
