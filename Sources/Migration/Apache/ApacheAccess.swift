internal import HTTPCore

/// Who is let in: `Require` and its sections, and `Order`, `Allow`, `Deny` of Apache 2.2.
struct ApacheAccess {
  let importer: ApacheImport
  let scope: ApacheScope

  private static let words: Set<String> = [
    "require", "<requireany>", "<requireall>", "<requirenone>", "order", "allow", "deny",
  ]

  /// Whether a block keeps somebody out.
  static func isRestricting(_ block: [Statement]) -> Bool {
    let found = block.filter { words.contains($0.name) }
    let isOpen = found.allSatisfy { statement in
      let text = statement.arguments.joined(separator: " ").lowercased()
      return text == "all granted" || text == "from all" && statement.name == "allow"
        || statement.name == "order"
    }
    return !isOpen
  }

  /// What lines come to.
  struct Verdict: Equatable {
    /// `nil` for everybody.
    var allow: [Network]?
    var deny: [Network] = []
    var needsUser = false
    var isClosed = false
    /// It keeps out more than Apache did.
    var isStricter = false

    static let open = Verdict()
    static let closed = Verdict(isClosed: true)
  }

  func read(_ route: inout Route) {
    clients(&route)
    let lines = scope.nearest(Self.words)
    guard let first = lines.first else { return }
    // More networks than the loader takes, and than anybody reads.
    let isLong = lines.reduce(0) { $0 + $1.arguments.count } > AddressOrder.linesMax
    let isOld = lines.contains { ["order", "allow", "deny"].contains($0.name) }
    let verdict = isOld ? Self.old(lines) : Self.any(lines)
    if verdict.isClosed || isLong || verdict.deny.count > AddressOrder.linesMax
      || verdict.allow?.count ?? 0 > AddressOrder.linesMax
    {
      let isMeant =
        lines.count == 1 && first.arguments.joined(separator: " ").lowercased() == "all denied"
      if !isMeant {
        route.remarks.append(
          Remark(first, "closed: no 'allow', 'deny' and 'basic_auth' say the same as these lines"))
      }
      return route.keys.close()
    }
    route.keys.allow = (verdict.allow ?? []).map(\.description)
    route.keys.deny = verdict.deny.map(\.description)
    if verdict.isStricter {
      route.remarks.append(
        Remark(first, "here a client has to pass all of them: the address and the password"))
    }
    if verdict.needsUser { passwords(first, &route) }
  }

  private func passwords(_ first: Statement, _ route: inout Route) {
    let isBasic = scope.last("authtype").map { $0.first.lowercased() == "basic" } ?? false
    let file = scope.last("authuserfile").map { importer.files.absolute($0.first) }
    let provider = scope.last("authbasicprovider")?.first.lowercased() ?? "file"
    guard isBasic, let file, provider == "file", Acceptable.file(file) else {
      route.remarks.append(
        Remark(
          first,
          "closed: 'basic_auth' needs a file of passwords; 'forward_auth' asks an authenticator"))
      return route.keys.close()
    }
    let realm = scope.last("authname")?.arguments.joined(separator: " ") ?? ""
    route.keys.password = .init(file: file, realm: Realm.clean(realm))
    importer.notes.general(first.place, Realm.advice)
  }

  private func clients(_ route: inout Route) {
    guard let statement = scope.last("sslverifyclient"),
      statement.first.lowercased() != "none"
    else { return }
    let file = scope.last("sslcacertificatefile").map { importer.files.absolute($0.first) }
    guard let file, Acceptable.file(file), statement.first.lowercased() != "optional_no_ca" else {
      route.remarks.append(
        Remark(statement, "closed: 'client_certificates' needs the file of a CA"))
      return route.keys.close()
    }
    route.keys.clients = .init(
      authorities: file, isRequired: statement.first.lowercased() == "require")
  }

  // MARK: Apache 2.4

  private enum Line {
    case granted, denied, user
    case networks([Network])
    case others([Network])
    case nested(Verdict)
    case unknown
  }

  private static func line(_ statement: Statement) -> Line {
    switch statement.name {
    case "<requireany>": return .nested(any(statement.block ?? []))
    case "<requireall>": return .nested(all(statement.block ?? []))
    case "<requirenone>":
      var networks: [Network] = []
      for inner in statement.block ?? [] {
        guard case .networks(let found) = line(inner) else { return .unknown }
        networks += found
      }
      return .others(networks)
    case "require": break
    default: return .unknown
    }
    var words = statement.arguments.map { $0.lowercased() }
    let isNegated = words.first == "not"
    if isNegated { words.removeFirst() }
    switch words.first {
    case "all": return words.last == "granted" && !isNegated ? .granted : .denied
    case "valid-user" where !isNegated: return .user
    case "local" where !isNegated:
      return .networks(["127.0.0.0/8", "::1/128"].compactMap(Acceptable.network))
    case "ip":
      var networks: [Network] = []
      for word in words.dropFirst() {
        guard let network = Acceptable.network(word) else { return .unknown }
        networks.append(network)
      }
      return isNegated ? .others(networks) : .networks(networks)
    default: return .unknown
    }
  }

  /// One line that holds is enough, which is how lines without a section count.
  static func any(_ statements: [Statement]) -> Verdict {
    var networks: [Network] = []
    var (hasUser, hasUnknown) = (false, false)
    for statement in statements where words.contains(statement.name) {
      switch line(statement) {
      case .granted: return .open
      case .denied, .others: break
      case .user: hasUser = true
      case .networks(let found): networks += found
      case .nested(let verdict):
        // A section beside other lines is an alternative to them.
        if statements.filter({ words.contains($0.name) }).count == 1 { return verdict }
        if verdict == .open { return .open }
        hasUnknown = hasUnknown || !verdict.isClosed
      case .unknown: hasUnknown = true
      }
    }
    if networks.isEmpty, !hasUser { return .closed }
    return Verdict(
      allow: networks.isEmpty ? nil : networks, needsUser: hasUser,
      isStricter: hasUser && !networks.isEmpty || hasUnknown)
  }

  /// All lines have to hold.
  static func all(_ statements: [Statement]) -> Verdict {
    var verdict = Verdict.open
    for statement in statements where words.contains(statement.name) {
      switch line(statement) {
      case .granted: break
      case .denied, .unknown: return .closed
      case .user: verdict.needsUser = true
      case .others(let found): verdict.deny += found
      case .networks(let found):
        if verdict.allow != nil { return .closed }
        verdict.allow = found
      case .nested(let inner):
        if inner.isClosed || inner.allow != nil && verdict.allow != nil { return .closed }
        verdict.allow = verdict.allow ?? inner.allow
        verdict.deny += inner.deny
        verdict.needsUser = verdict.needsUser || inner.needsUser
        verdict.isStricter = verdict.isStricter || inner.isStricter
      }
    }
    return verdict
  }

  // MARK: Apache 2.2

  /// `Order deny,allow` lets in who is allowed or not denied; `allow,deny` who is allowed and not denied.
  static func old(_ statements: [Statement]) -> Verdict {
    var (allow, deny): ([Network], [Network]) = ([], [])
    var (allowsAll, deniesAll, isAllowFirst) = (false, false, false)
    for statement in statements {
      let words = statement.arguments.map { $0.lowercased() }
      if statement.name == "order" {
        isAllowFirst = words.joined().hasPrefix("allow")
        continue
      }
      guard ["allow", "deny"].contains(statement.name), words.first == "from" else {
        // Lines of both kinds: Apache wants both.
        return .closed
      }
      for word in words.dropFirst() {
        if word == "all" {
          if statement.name == "allow" { allowsAll = true } else { deniesAll = true }
          continue
        }
        guard let network = Acceptable.network(word) else { return .closed }
        if statement.name == "allow" { allow.append(network) } else { deny.append(network) }
      }
    }
    if isAllowFirst {
      if deniesAll || !allowsAll && allow.isEmpty { return .closed }
      return Verdict(allow: allowsAll ? nil : allow, deny: deny)
    }
    if allowsAll || !deniesAll && deny.isEmpty { return .open }
    if deniesAll { return allow.isEmpty ? .closed : Verdict(allow: allow) }
    return allow.isEmpty ? Verdict(deny: deny) : .closed
  }
}
