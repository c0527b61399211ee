/// A section of a virtual host or of the server, and what it is about.
struct ApacheSection {
  enum Kind: Equatable {
    /// A path of URLs, and what is below it.
    case location(String)
    /// A directory, and what is below it.
    case directory(String)
    /// Whatever is proxied.
    case proxy
  }

  let kind: Kind
  let level: DirectiveLevel
  /// Sections are merged in the order in which they stand.
  var order = 0

  var block: [Statement] { level.statements }

  /// The sections by what they are about.
  struct Places {
    private(set) var locations: [String: [ApacheSection]] = [:]
    private(set) var directories: [String: [ApacheSection]] = [:]
    private(set) var proxies: [ApacheSection] = []

    init(_ sections: [ApacheSection]) {
      for (order, section) in sections.enumerated() {
        var section = section
        section.order = order
        switch section.kind {
        case .location(let path): locations[path, default: []].append(section)
        case .directory(let path): directories[path, default: []].append(section)
        case .proxy: proxies.append(section)
        }
      }
    }
  }
}

/// Reads the sections that a route can have the place of, and tells of the others.
struct ApacheSections {
  let importer: ApacheImport
  let site: ApacheSite

  func read(_ remarks: inout [Remark], _ programs: inout [Statement]) -> [ApacheSection] {
    var sections: [ApacheSection] = []
    for statement in site.block { importer.review(statement.block ?? [], &remarks) }
    for statement in site.global + site.block {
      let block = statement.block ?? []
      switch statement.name {
      case "<location>" where statement.first == "~", "<locationmatch>", "<location>":
        sections += locations(statement, block, &remarks)
      case "<directory>" where statement.first != "~":
        if let section = directory(statement, block, &remarks) { sections.append(section) }
      case "<directory>", "<directorymatch>": lost(statement, block, &remarks)
      case "<proxy>" where statement.first == "*":
        sections.append(ApacheSection(kind: .proxy, level: DirectiveLevel(block)))
      case "<files>", "<filesmatch>": files(statement, block, &remarks, &programs)
      default: handler(statement, &programs)
      }
      if statement.name == "<proxy>", statement.first != "*", ApacheAccess.isRestricting(block) {
        importer.notes.danger(
          statement, "'allow' and 'deny' are for a path: write them into its routes")
      }
      for inner in block {
        if ["<files>", "<filesmatch>"].contains(inner.name) {
          files(inner, inner.block ?? [], &remarks, &programs)
        } else if statement.name != "<files>", statement.name != "<filesmatch>" {
          handler(inner, &programs)
        }
      }
    }
    return sections
  }

  private func locations(
    _ statement: Statement, _ block: [Statement], _ remarks: inout [Remark]
  ) -> [ApacheSection] {
    let isExpression = statement.name == "<locationmatch>" || statement.first == "~"
    let text = statement.last
    var paths: [String?] = []
    if isExpression {
      paths = PathPattern.alternatives(text).map { expression in
        guard let pattern = PathPattern(expression), pattern.tail != .nothing else { return nil }
        return pattern.coversEverything ? "/" : NginxRoutes.routePath(pattern)
      }
    } else {
      paths = [Acceptable.path(text)]
    }
    let found = paths.compactMap { $0 }
    guard found.count == paths.count else {
      lost(statement, block, &remarks)
      return []
    }
    return found.map { path in
      let short = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
      // `<Location /x/>` is for what is below `/x`.
      return ApacheSection(
        kind: .location(isExpression ? short : path), level: DirectiveLevel(block))
    }
  }

  private func directory(
    _ statement: Statement, _ block: [Statement], _ remarks: inout [Remark]
  ) -> ApacheSection? {
    var path = importer.files.absolute(statement.first)
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard Acceptable.file(path), !path.contains(where: { "*?[".contains($0) }) else {
      lost(statement, block, &remarks)
      return nil
    }
    return ApacheSection(kind: .directory(path), level: DirectiveLevel(block))
  }

  private func lost(_ statement: Statement, _ block: [Statement], _ remarks: inout [Remark]) {
    let advice = "there are no regular expressions: write a route for a path"
    if ApacheAccess.isRestricting(block) {
      importer.notes.danger(statement, advice)
    } else {
      remarks.append(Remark(statement, advice))
    }
  }

  private func files(
    _ statement: Statement, _ block: [Statement], _ remarks: inout [Remark],
    _ programs: inout [Statement]
  ) {
    for inner in block { handler(inner, &programs) }
    let name = statement.last
    if name.hasPrefix(".") || name.hasPrefix("^\\.") || name.hasPrefix("^\\.ht") {
      return importer.notes.general(
        statement.place,
        "names that begin with a dot are never served from files; an application has to refuse them itself"
      )
    }
    if ApacheAccess.isRestricting(block) {
      importer.notes.danger(
        statement, "there are no rules for names of files: keep such files elsewhere")
    } else if !block.allSatisfy({ ["sethandler", "options", "ssloptions"].contains($0.name) }) {
      remarks.append(
        Remark(
          statement,
          "there are no rules for names of files; 'files: { cache_control: … }' is for a path"))
    }
  }

  private func handler(_ statement: Statement, _ programs: inout [Statement]) {
    guard ["sethandler", "addhandler", "addtype"].contains(statement.name) else { return }
    let text = statement.arguments.joined(separator: " ").lowercased()
    if ["php", "cgi", "fcgi", "perl"].contains(where: text.contains) { programs.append(statement) }
  }
}
