/// `defaults` and `groups`: what routes have besides their own keys.
///
/// It is merged into the nodes of routes before these are read, so that every key may be shared, and what
/// is wrong with it is told where it stands. A route's own keys win over the groups that it uses, a group
/// over those before it, all of them over `defaults`. Mappings are merged key by key; `~` of a route takes
/// a key back.
struct SharedRouteKeys {
  private struct Group {
    let entries: [YAMLNode.Entry]
    let position: Position
  }

  /// Groups that one route uses at most.
  private static let usedMax = 16
  /// Values that all routes have from here together at most: a small file must not fill the memory.
  private static let valuesMax = 250_000

  private let context: ReadingContext
  private let defaults: [YAMLNode.Entry]
  private let groups: [String: Group]

  /// Has `check` read what is shared by itself first, so that its mistakes are told once, also where no
  /// route has it.
  init(_ top: Section, _ context: ReadingContext, check: (Section) -> Void) {
    self.context = context
    defaults = Self.entries(top.take("defaults").value, "defaults", top.position, context, check)
    let (_, value) = top.take("groups")
    var groups: [String: Group] = [:]
    for entry in top.entries(of: value, "groups") {
      let name = "groups.\(entry.key)"
      groups[entry.key] = Group(
        entries: Self.entries(entry.value, name, entry.keyPosition, context, check),
        position: entry.keyPosition)
    }
    self.groups = groups
  }

  /// What of a mapping routes may share; says what they may not.
  private static func entries(
    _ node: YAMLNode?, _ name: String, _ place: Position, _ context: ReadingContext,
    _ check: (Section) -> Void
  ) -> [YAMLNode.Entry] {
    guard var node, !node.isNothing else { return [] }
    guard case .mapping(let found) = node.content else {
      context.wrong(node, name, "a mapping of keys of routes")
      return []
    }
    let entries = found.filter { entry in
      guard let reason = refusal(of: entry.key) else { return true }
      context.findings.error(entry.keyPosition, "'\(entry.key)' in \(name): \(reason)")
      return false
    }
    node.content = .mapping(entries)
    context.findings.tellOnce {
      check(Section(parent: "routes[]", name: name, node: node, at: place, context))
    }
    let keys = Set(Directives.children(of: "routes[]").map(\.key))
    return entries.filter { keys.contains($0.key) }
  }

  private static func refusal(of key: String) -> String? {
    switch key {
    case "host", "path": "only a route itself says which requests it is for"
    case "use": "only routes use groups"
    case _ where RouteReader.destinations.contains(key):
      "only a route itself says what it leads to"
    default: nil
    }
  }

  // MARK: Merging

  /// The list of routes with what each shares; says which groups are unknown or used by none.
  func merged(into value: YAMLNode?) -> YAMLNode? {
    guard var value, case .list(let items) = value.content else {
      reportUnused([])
      return value
    }
    var used: Set<String> = []
    var values = 0
    value.content = .list(
      items.enumerated().map { index, item in
        guard case .mapping(let own) = item.content, !own.isEmpty else { return item }
        let names = names(own, "routes[\(index)]")
        used.formUnion(names)
        let layers = names.reversed().map { groups[$0]?.entries ?? [] } + [defaults]
        values += layers.reduce(0) { $0 + Self.count($1) }
        guard values <= Self.valuesMax else { return item }
        var merged = item
        let whole = layers.reduce(own, Self.merge)
        merged.content = .mapping(Self.takesBack(own) ? Self.takingBack(whole, layers) : whole)
        return merged
      })
    if values > Self.valuesMax {
      context.findings.error(
        value.position, "'defaults' and 'groups' give routes more than \(Self.valuesMax) values")
    }
    reportUnused(used)
    return value
  }

  private static func count(_ entries: [YAMLNode.Entry]) -> Int {
    entries.reduce(0) { sum, entry in
      switch entry.value.content {
      case .mapping(let inner): sum + 1 + count(inner)
      case .list(let items): sum + 1 + items.count
      default: sum + 1
      }
    }
  }

  /// The groups that a route uses, in its order.
  private func names(_ entries: [YAMLNode.Entry], _ route: String) -> [String] {
    guard let value = entries.first(where: { $0.key == "use" })?.value else { return [] }
    var items = [value]
    if case .list(let list) = value.content { items = list }
    if items.count > Self.usedMax {
      context.findings.error(
        value.position, "'use' has more than \(Self.usedMax) names in \(route)")
      return []
    }
    return items.compactMap { item in
      let expected = "a name under 'groups'"
      guard let name = context.text(item, "use", expected) else { return nil }
      if groups[name] != nil { return name }
      // After a mistake of syntax it may only not have been reached.
      guard context.isComplete else { return nil }
      let meant = Suggestion.nearest(to: name, among: groups.keys.sorted())
      context.findings.error(
        item.position,
        "unknown group '\(Found.shortened(name))' in \(route)"
          + (groups.isEmpty ? "; there is no 'groups' at the top" : Found.meant(meant)))
      return meant
    }
  }

  private static func merge(
    _ own: [YAMLNode.Entry], over shared: [YAMLNode.Entry]
  ) -> [YAMLNode.Entry] {
    guard !shared.isEmpty else { return own }
    let below = Dictionary(shared.map { ($0.key, $0.value) }) { first, _ in first }
    let above = Set(own.map(\.key))
    let kept = own.map { entry in
      guard case .mapping(let mine) = entry.value.content,
        case .mapping(let theirs)? = below[entry.key]?.content
      else { return entry }
      var merged = entry
      merged.value.content = .mapping(merge(mine, over: theirs))
      return merged
    }
    return kept + shared.filter { !above.contains($0.key) }
  }

  /// Without the keys for which a route says `~` and which it would have from elsewhere.
  private static func takingBack(
    _ merged: [YAMLNode.Entry], _ layers: [[YAMLNode.Entry]]
  ) -> [YAMLNode.Entry] {
    let shared = layers.map { layer in
      Dictionary(layer.map { ($0.key, $0.value) }) { first, _ in first }
    }
    return merged.compactMap { entry in
      let below = shared.compactMap { $0[entry.key] }
      if entry.value.isNothing, !below.isEmpty { return nil }
      guard case .mapping(let inner) = entry.value.content else { return entry }
      let mappings = below.compactMap { node -> [YAMLNode.Entry]? in
        if case .mapping(let entries) = node.content { entries } else { nil }
      }
      guard !mappings.isEmpty else { return entry }
      var kept = entry
      kept.value.content = .mapping(takingBack(inner, mappings))
      return kept
    }
  }

  /// Whether a route says `~` anywhere.
  private static func takesBack(_ own: [YAMLNode.Entry]) -> Bool {
    own.contains { entry in
      if case .mapping(let inner) = entry.value.content { return takesBack(inner) }
      return entry.value.isNothing
    }
  }

  private func reportUnused(_ used: Set<String>) {
    guard context.isComplete else { return }
    for (name, group) in groups where !used.contains(name) {
      context.findings.warning(
        group.position, "no route uses group '\(Found.shortened(name))'")
    }
  }
}
