internal import Etcd
internal import TLS

/// Reads what servers share: the `etcd` mapping.
struct SharedReader {
  let context: ReadingContext

  private static let prefixBytesMax = 200

  /// `nil` where the file has none.
  func read(_ top: Section) -> SharedSettings? {
    guard let section = top.optionalSection("etcd") else { return nil }
    let settings = SharedSettings(
      etcd: EtcdSettings(
        endpoints: endpoints(section), identity: identity(section),
        credentials: credentials(section)),
      prefix: Self.prefix(section, context), encryptionKeys: section.path("encryption_keys"))
    context.named.etcd = (settings, section.position(of: "endpoints"))
    for key in ["ca", "certificate", "key", "encryption_keys"] where section.isGiven(key) {
      let path = key == "encryption_keys" ? settings.encryptionKeys : file(key, settings)
      if let path { context.named.files.etcd.append((key, path, section.position(of: key))) }
    }
    return settings
  }

  private func file(_ key: String, _ settings: SharedSettings) -> String? {
    let identity = settings.etcd.identity
    return key == "ca"
      ? identity.authorityFile : key == "key" ? identity.keyFile : identity.certificateFile
  }

  private func endpoints(_ section: Section) -> [Endpoint] {
    let expected = "URLs such as https://10.0.0.1:2379"
    var endpoints: [Endpoint] = []
    let mistakes = context.findings.errorCount
    let texts = section.texts("endpoints", expected)
    for (text, position) in texts {
      guard let endpoint = Endpoint(text) else {
        context.findings.error(
          position,
          "'endpoints' must be \(expected), found '\(Found.shortened(text))'\(Self.hint(text))")
        continue
      }
      if !endpoint.isSecure, !endpoint.isLoopback {
        context.findings.warning(
          position, "'\(endpoint)' is not encrypted: private keys cross the network in clear")
      }
      if !endpoints.contains(endpoint) {
        endpoints.append(endpoint)
        context.named.files.etcd.append(("endpoints", "\(endpoint)", position))
      }
    }
    let isRead = section.isGiven("endpoints") && context.findings.errorCount == mistakes
    if isRead, !(1...Directives.endpointsMax).contains(endpoints.count) {
      context.findings.error(
        section.position(of: "endpoints"),
        "'endpoints' must be from 1 to \(Directives.endpointsMax) members")
    }
    return endpoints
  }

  private static func hint(_ text: String) -> String {
    if Endpoint("http://" + text) != nil {
      return "; did you mean 'https://\(Found.shortened(text))'?"
    }
    guard let scheme = text.firstRange(of: "://") else { return "" }
    if text[scheme.upperBound...].contains("/") { return "; no path belongs here" }
    return ["http", "https"].contains(text[..<scheme.lowerBound])
      ? "" : "; a URL of etcd begins with https:// or http://"
  }

  private func identity(_ section: Section) -> ClientIdentity {
    for (key, other) in [("certificate", "key"), ("key", "certificate")]
    where section.isGiven(key) && !section.isGiven(other) {
      context.findings.error(section.position(of: key), "'\(key)' needs '\(other)' beside it")
    }
    return ClientIdentity(
      authorityFile: section.path("ca"), certificateFile: section.path("certificate"),
      keyFile: section.path("key"))
  }

  private func credentials(_ section: Section) -> EtcdSettings.Credentials? {
    for (key, other) in [("user", "password"), ("password", "user")]
    where section.isGiven(key) && !section.isGiven(other) {
      context.findings.error(section.position(of: key), "'\(key)' needs '\(other)' beside it")
    }
    guard let user = section.text("user"), let password = section.text("password") else {
      return nil
    }
    return EtcdSettings.Credentials(user: user.text, password: password.text)
  }

  /// What keys of etcd begin with; never nothing, which would be everybody's keys.
  static func prefix(_ section: Section, _ context: ReadingContext) -> String {
    guard let (text, position) = section.text("prefix") else { return "" }
    let isGood =
      (1...prefixBytesMax).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { !$0.isControl } && text.hasSuffix("/")
    if !isGood {
      context.findings.error(
        position,
        "'prefix' must end in '/', such as /edgeproxy/, found '\(Found.shortened(text))'")
    }
    return text
  }
}
