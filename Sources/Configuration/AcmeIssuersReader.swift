internal import EventLoop
internal import HTTPCore

/// Reads which CAs certificates are ordered from.
struct AcmeIssuersReader {
  let context: ReadingContext
  /// The file of CAs that `ca` names is for all issuers.
  let hasAuthority: Bool

  func read(_ acme: Section) -> [AcmeSettings.Issuer] {
    guard let value = acme.take("issuers").value, !value.isNothing else {
      let issuer = KnownIssuer.all[0].issuer
      check(issuer, at: acme.position(of: "ca"))
      context.named.acme.issuers = [acme.position]
      return [issuer]
    }
    guard case .list(let items) = value.content else {
      context.wrong(value, "issuers", "a list", Habits.collection(value, "issuers"))
      return []
    }
    if items.isEmpty, context.isComplete {
      context.findings.error(value.position, "'issuers' must have at least one issuer")
    }
    if items.count > Directives.acmeIssuersMax {
      context.findings.error(
        value.position,
        "'issuers' must have at most \(Directives.acmeIssuersMax), found \(items.count)")
    }
    var seen: [AcmeSettings.Issuer] = []
    for (index, item) in items.prefix(Directives.acmeIssuersMax).enumerated() {
      guard let issuer = issuer(item, "\(acme.child("issuers"))[\(index)]") else { continue }
      if seen.contains(issuer) {
        context.findings.error(item.position, "issuer '\(issuer.name)' is there twice")
      }
      seen.append(issuer)
      context.named.acme.issuers.append(item.position)
    }
    return seen
  }

  /// A word or a URL, or a mapping with it.
  private func issuer(_ item: YAMLNode, _ name: String) -> AcmeSettings.Issuer? {
    if case .scalar = item.content {
      guard let text = context.text(item, "issuers", Self.expected) else { return nil }
      guard let issuer = directory(text, "issuers", item.position) else { return nil }
      check(issuer, at: item.position)
      return issuer
    }
    let section = Section(
      parent: "acme.issuers[]", name: name, node: item, at: item.position, context)
    let account = account(section)
    let profile = section.text("profile", Self.profile)
    let staging = staging(section)
    guard let (text, position) = section.text("directory", Self.expected),
      var issuer = directory(text, "directory", position)
    else { return nil }
    issuer.externalAccount = account
    issuer.staging = staging ?? issuer.staging
    issuer.profile = profile.flatMap { self.profile($0.text, $0.position, issuer.name) }
    check(issuer, at: position, account: section.isGiven("external_account"))
    return issuer
  }

  private static let expected =
    "letsencrypt, letsencrypt-staging, zerossl, google or the https URL of a directory"

  // MARK: The directory

  private func directory(
    _ text: String, _ key: String, _ position: Position
  ) -> AcmeSettings.Issuer? {
    if let known = KnownIssuer.all.first(where: { $0.word == text || $0.directory == text }) {
      return known.issuer
    }
    guard let reason = Self.mistake(text) else {
      return AcmeSettings.Issuer(directory: text, name: text)
    }
    context.findings.error(
      position, "'\(key)' must be \(Self.expected), found '\(Found.shortened(text))'\(reason)")
    return nil
  }

  /// The directory for tests.
  private func staging(_ section: Section) -> String? {
    guard let (text, position) = section.text("staging") else { return nil }
    if let known = KnownIssuer.all.first(where: { $0.word == text }) { return known.directory }
    guard let reason = Self.mistake(text) else { return text }
    context.findings.error(
      position,
      "'staging' must be the https URL of a directory, found '\(Found.shortened(text))'\(reason)")
    return nil
  }

  private static let urlBytesMax = 2048

  /// What is wrong with a URL, as the end of a message; `nil` for nothing.
  private static func mistake(_ text: String) -> String? {
    guard let scheme = text.firstRange(of: "://") else { return word(text) }
    let rest = text[scheme.upperBound...]
    if text[..<scheme.lowerBound] != "https" {
      return text.hasPrefix("http://")
        ? "; a CA is asked by https only: did you mean 'https://\(Found.shortened(String(rest)))'?"
        : "; it begins with https://"
    }
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if authority.contains("@") { return "; no user belongs into it" }
    guard isAuthority(String(authority)) else { return "; its host is none" }
    if text.utf8.count > urlBytesMax { return "; it has at most \(urlBytesMax) bytes" }
    if !text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) || text.contains("#") {
      return "; it has characters that no URL has"
    }
    let known = KnownIssuer.all.first { $0.directory.hasPrefix("https://\(authority)/") }
    if let known, known.directory != text { return "; did you mean '\(known.word)'?" }
    return rest.drop { $0 != "/" }.dropFirst().isEmpty
      ? "; a directory has a path, such as https://ca.example.org/acme/acme/directory" : nil
  }

  private static func isAuthority(_ text: String) -> Bool {
    // An IPv6 address in brackets, with a port or without.
    if text.hasPrefix("[") {
      return SocketAddress(text) != nil || SocketAddress(text + ":1") != nil
    }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var name: [UInt8] = []
    let host = Array(parts[0].utf8)
    guard HostName.normalise(host.span, into: &name) else { return false }
    guard parts.count == 2 else { return true }
    return Number.parse(String(parts[1])).map { (1...65_535).contains($0) } ?? false
  }

  /// What is said to a text that is neither a word nor a URL.
  private static func word(_ text: String) -> String {
    if let hint = LookAlike.hint(in: text) { return "; \(hint)" }
    let folded = text.lowercased().filter { !"_-'. ".contains($0) }
    if let meant = habits[folded] {
      return meant.contains(" ") ? "; \(meant)" : Found.meant(meant)
    }
    if text.contains("/"), isAuthority(String(text.prefix { $0 != "/" })) {
      return Found.meant("https://\(Found.shortened(text))")
    }
    return Suggestion.text(for: text, among: KnownIssuer.all.map(\.word))
  }

  private static let ownCA =
    "a private CA is its URL, such as https://ca.example.org/acme/acme/directory"
  private static let otherCA = "another CA is the URL of its directory"

  private static let habits: [String: String] = [
    "le": "letsencrypt", "letsencryptorg": "letsencrypt", "production": "letsencrypt",
    "letsencryptproduction": "letsencrypt", "letsencryptprod": "letsencrypt",
    "default": "letsencrypt", "staging": "letsencrypt-staging", "test": "letsencrypt-staging",
    "letsencrypttest": "letsencrypt-staging", "lestaging": "letsencrypt-staging",
    "gts": "google", "googletrust": "google", "googletrustservices": "google", "pki.goog": "google",
    "stepca": ownCA, "step": ownCA, "smallstep": ownCA, "pebble": ownCA, "vault": ownCA,
    "internal": ownCA, "private": ownCA, "sslcom": otherCA, "digicert": otherCA,
    "sectigo": otherCA, "buypass": otherCA, "actalis": otherCA,
  ]

  // MARK: What goes with it

  private static let profile = "the name of a profile such as tlsserver"
  private static let profileBytesMax = 64

  private func profile(_ text: String, _ position: Position, _ issuer: String) -> String? {
    let isGood =
      text.utf8.count <= Self.profileBytesMax && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    guard isGood else {
      context.findings.error(
        position, "'profile' must be \(Self.profile), found '\(Found.shortened(text))'")
      return nil
    }
    let known = KnownIssuer.all.first { $0.word == issuer }
    if let known, !known.profiles.contains(text) {
      let hint =
        known.profiles.isEmpty
        ? "\(issuer) has no profiles that we know of"
        : "\(issuer) has \(Found.alternatives(known.profiles))"
      context.findings.warning(
        position,
        "profile '\(text)': \(hint)\(Suggestion.text(for: text, among: known.profiles))")
    }
    return text
  }

  private func account(_ section: Section) -> AcmeSettings.ExternalAccount? {
    guard let account = section.optionalSection("external_account") else { return nil }
    let id = account.text("id")
    guard let path = account.path("key_file") else { return nil }
    context.named.files.secrets.append(
      NamedSecret(path: path, position: account.position(of: "key_file"), kind: .externalAccount))
    return id.map { AcmeSettings.ExternalAccount(id: $0.text, keyFile: path) }
  }

  private func check(
    _ issuer: AcmeSettings.Issuer, at position: Position, account: Bool = false
  ) {
    guard let known = KnownIssuer.all.first(where: { $0.word == issuer.name }) else { return }
    if known.needsAccount, !account, context.isComplete {
      context.findings.error(
        position,
        "\(known.word) needs 'external_account' with the id and the key that its website shows")
    }
    if !known.needsAccount, account {
      context.findings.warning(position, "\(known.word) takes no 'external_account'")
    }
    if hasAuthority {
      context.findings.error(
        position,
        "\(known.word) is a public CA, and 'ca' is for a private one: leave one of them out")
    }
  }
}

/// A CA that has a word.
struct KnownIssuer {
  var word: String
  var directory: String
  var needsAccount: Bool
  var profiles: [String]
  /// Its directory for tests.
  var staging: String?

  var issuer: AcmeSettings.Issuer {
    AcmeSettings.Issuer(directory: directory, name: word, staging: staging)
  }

  private static let staging = "https://acme-staging-v02.api.letsencrypt.org/directory"

  /// The first is the default.
  static let all = [
    KnownIssuer(
      word: "letsencrypt", directory: "https://acme-v02.api.letsencrypt.org/directory",
      needsAccount: false, profiles: ["classic", "tlsserver", "shortlived"], staging: staging),
    KnownIssuer(
      word: "letsencrypt-staging",
      directory: staging,
      needsAccount: false, profiles: ["classic", "tlsserver", "shortlived"]),
    KnownIssuer(
      word: "zerossl", directory: "https://acme.zerossl.com/v2/DV90", needsAccount: true,
      profiles: []),
    KnownIssuer(
      word: "google", directory: "https://dv.acme-v02.api.pki.goog/directory",
      needsAccount: true, profiles: [],
      staging: "https://dv.acme-v02.test-api.pki.goog/directory"),
  ]
}
