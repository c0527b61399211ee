internal import EventLoop
internal import HTTPCore
internal import Passwords

/// Reads who may use a route, or the whole server.
struct AccessReader {
  let context: ReadingContext
  var upstreams = NamedUpstreams()

  /// `nil` for a route that is open to all.
  func read(_ route: Section) -> AccessSettings? {
    let addresses = addresses(route)
    let passwords = route.optionalSection("basic_auth").map(passwords)
    let authenticator = route.optionalSection("forward_auth").flatMap(authenticator)
    if addresses == nil, passwords == nil, authenticator == nil { return nil }
    return AccessSettings(
      addresses: addresses, passwords: passwords, authenticator: authenticator)
  }

  /// `allow` and `deny` of a route or of the top; `nil` where neither is given.
  func addresses(_ section: Section) -> AddressRules? {
    let reader = NetworkReader(context: context, purpose: .clients)
    let allow = section.isGiven("allow") ? reader.read("allow", section) : nil
    let deny = reader.read("deny", section)
    if section.collection("allow")?.isEmptyList ?? false {
      context.findings.error(
        section.position(of: "allow"),
        "'allow' has no network, so nobody would be let in; leave it out to let everybody in")
    }
    if allow == nil, deny.isEmpty { return nil }
    return AddressRules(allow: allow, deny: deny)
  }

  // MARK: Passwords

  private func passwords(_ section: Section) -> BasicAuthSettings {
    let (realm, place) = section.text("realm") ?? ("", section.position)
    if !FieldText.isValue(realm) || realm.contains("\"") || realm.contains("\\") {
      context.findings.error(
        place,
        "'realm' must be ASCII text without '\"' and '\\', found '\(Found.shortened(realm))'")
    }
    guard let file = section.path("file") else {
      return BasicAuthSettings(file: "", realm: realm, users: UserTable())
    }
    let position = section.position(of: "file")
    context.named.files.secrets.append(
      NamedSecret(path: file, position: position, kind: .users))
    return BasicAuthSettings(file: file, realm: realm, users: users(of: file, position))
  }

  /// Mistakes in a file that are told of; whoever made it made all of them the same way.
  private static let mistakesTold = 5

  private func users(of file: String, _ position: Position) -> UserTable {
    let name = "'\(Found.shortened(file))'"
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try context.source.readFile(file, UserTable.fileBytesMax)
    } catch {
      context.unreadable(file, position, error)
      return UserTable()
    }
    guard bytes.count <= UserTable.fileBytesMax else {
      context.findings.error(
        position, "\(name) is larger than \(ByteSize.text(UserTable.fileBytesMax))")
      return UserTable()
    }
    let (table, mistakes) = UserTable.read(bytes)
    for mistake in mistakes.prefix(Self.mistakesTold) {
      context.findings.error(position, "\(name), \(mistake)")
    }
    if mistakes.count > Self.mistakesTold {
      context.findings.error(
        position, "\(name): \(mistakes.count - Self.mistakesTold) more lines like these")
    }
    if table.isEmpty, mistakes.isEmpty {
      context.findings.warning(
        position, "\(name) has no users, so nobody is let in: htpasswd -B \(file) NAME")
    }
    return table
  }

  // MARK: An authenticator

  private static let copiedMax = 16

  private func authenticator(_ section: Section) -> ForwardAuthSettings? {
    let path = path(section)
    let copied = copied(section)
    guard let upstream = upstreams.find("upstream", in: section, context) else { return nil }
    let settings = upstreams.settings[upstream]
    if settings.nodeProtocol == .tcp || settings.discovery != nil {
      context.findings.error(
        section.position(of: "upstream"),
        "upstream '\(settings.name)' in \(section.name) must have 'nodes' of protocol http, https or"
          + " uwsgi")
    }
    let user = copied.first { name in
      let name = String(decoding: name, as: UTF8.self).lowercased()
      return name.hasSuffix("user") || name.hasSuffix("username")
    }
    return ForwardAuthSettings(upstream: upstream, path: path, copied: copied, user: user)
  }

  /// The target of the question, which may have a query.
  private func path(_ section: Section) -> [UInt8] {
    guard let (text, position) = section.text("path", "a path such as /verify") else { return [] }
    let isPath =
      text.hasPrefix("/") && text.utf8.allSatisfy { (0x21..<0x7f).contains($0) && $0 != 0x23 }
    if !isPath {
      let hint = text.contains("://") ? "; the server is under 'upstreams'" : ""
      context.findings.error(
        position,
        "'path' must be a path such as /verify, found '\(Found.shortened(text))'\(hint)")
    }
    return Array(text.utf8)
  }

  /// What this server says by itself in fields whose names begin like those of some authenticators.
  private static let ownForwarded = [
    "for", "proto", "host", "method", "uri", "port", "server", "prefix", "by", "ssl",
  ].map { "x-forwarded-\($0)" }

  private func copied(_ section: Section) -> [[UInt8]] {
    let names = section.texts("copy_headers", "field names")
    if names.count > Self.copiedMax {
      context.findings.error(
        section.position(of: "copy_headers"),
        "'copy_headers' must have at most \(Self.copiedMax), found \(names.count)")
    }
    return names.compactMap { name, position in
      let lower = name.lowercased()
      var reason = FieldText.isName(name) ? nil : "a name has letters, digits and '-'"
      if reason == nil, !lower.hasPrefix("x-forwarded-") || Self.ownForwarded.contains(lower) {
        reason = FieldText.refusal(of: name, isRequest: true)
      }
      guard let reason else { return Array(name.utf8) }
      context.findings.error(position, "field '\(Found.shortened(name))' is not copied: \(reason)")
      return nil
    }
  }
}
