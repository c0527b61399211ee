/// One mapping of the file being read by the rows of its keys.
///
/// Each method reads one key, says what is wrong with it, and returns a value in any case: the
/// default where the key is left out, and something harmless where it is wrong, since a
/// configuration with mistakes is never used.
struct Section {
  /// Where the rows of the keys are: `upstreams.NAME.retry`, `routes[]`.
  let parent: String
  /// What people call this place: `upstreams.billing.retry`, `routes[1]`; empty at the top.
  let name: String
  /// Where a missing key is reported.
  let position: Position
  let context: ReadingContext
  private let entries: [String: YAMLNode]
  /// Whether there is something else than a mapping, so that a missing key is no news.
  let isRefused: Bool

  /// Takes the entries of a mapping and reports the keys that have no row.
  ///
  /// `node` is `nil` where the mapping is left out: then every key has its default.
  init(
    parent: String, name: String, node: YAMLNode?, at place: Position, _ context: ReadingContext
  ) {
    self.parent = parent
    self.name = name
    self.context = context
    position = node?.firstKeyPosition ?? place
    guard let node, !node.isNothing else {
      entries = [:]
      isRefused = false
      return
    }
    guard case .mapping(let found) = node.content else {
      entries = [:]
      isRefused = true
      context.wrong(node, name, "a mapping of keys", Habits.mapping(node, for: parent))
      return
    }
    isRefused = false
    entries = Self.known(found, parent: parent, name: name, context)
  }

  /// The values of the keys that have a row; a mistyped key counts as the one that was meant, so
  /// that it is not reported as missing too.
  private static func known(
    _ found: [YAMLNode.Entry], parent: String, name: String, _ context: ReadingContext
  ) -> [String: YAMLNode] {
    let keys = Directives.children(of: parent).map(\.key)
    var entries: [String: YAMLNode] = [:]
    var unknown: [YAMLNode.Entry] = []
    for entry in found {
      if keys.contains(entry.key) {
        entries[entry.key] = entry.value
      } else {
        unknown.append(entry)
      }
    }
    let place = name.isEmpty ? "" : " in \(name)"
    for entry in unknown {
      let habit = Habits.key(entry.key, in: parent) ?? Habits.shape(entry.key, in: parent)
      let meant = habit == nil ? Suggestion.nearest(to: entry.key, among: keys) : nil
      let hint =
        habit.map { "; \($0.advice)" } ?? meant.map { "; did you mean '\($0)'?" }
        ?? otherPlace(of: entry.key, from: parent)
      context.findings.error(
        entry.keyPosition, "unknown key '\(Found.shortened(entry.key))'\(place)\(hint)")
      if let meant, entries[meant] == nil { entries[meant] = entry.value }
      // What the key stands for is there in another form, so it is not missing.
      if let stands = habit?.stands, entries[stands] == nil {
        entries[stands] = YAMLNode(position: entry.value.position, content: .refused)
      }
    }
    return entries
  }

  /// The hint for a key that was indented wrongly: the nearest mapping that has it.
  private static func otherPlace(of key: String, from place: String) -> String {
    let parents = Directives.parents(of: key)
    let near = parents.first { $0.hasPrefix(place + ".") || place.hasPrefix($0 + ".") }
    guard let parent = near ?? parents.first else { return "" }
    return parent.isEmpty ? "; it belongs at the top" : "; it belongs in \(parent)"
  }

  /// The row and the value of a key; the value is `nil` where the default counts.
  ///
  /// A required key that is missing is reported here.
  func take(_ key: String) -> (row: Directive, value: YAMLNode?) {
    let row = Directives.row(parent.isEmpty ? key : "\(parent).\(key)")
    if let value = entries[key] { return (row, value) }
    if row.isRequired, context.isComplete, !isRefused {
      let here = name.isEmpty ? "" : " in \(name)"
      context.findings.error(position, "missing required key '\(key)'\(here)")
    }
    return (row, nil)
  }

  /// The mapping under a key.
  func section(_ key: String) -> Section { section(key, given: take(key).value) }

  /// The same with a value that was taken already; `nil` for every default.
  func section(_ key: String, given value: YAMLNode?) -> Section {
    let row = Directives.row(parent.isEmpty ? key : "\(parent).\(key)")
    return Section(parent: row.path, name: child(key), node: value, at: position, context)
  }

  /// The mapping under a key whose presence turns something on; `nil` where it is left out.
  func optionalSection(_ key: String) -> Section? { isGiven(key) ? section(key) : nil }

  func isGiven(_ key: String) -> Bool { entries[key] != nil }

  /// Another key stands for this one, and was reported.
  func isReported(_ key: String) -> Bool {
    if case .refused? = entries[key]?.content { true } else { false }
  }

  /// The value of a key where it is a list or a mapping, which a text is expected in the place of.
  func collection(_ key: String) -> YAMLNode? {
    guard let value = entries[key] else { return nil }
    if case .list = value.content { return value }
    return value.isMapping ? value : nil
  }

  /// The texts of the list under a key, each with where it stands.
  func texts(_ key: String, _ expected: String) -> [(text: String, position: Position)] {
    let (row, value) = take(key)
    guard let value else {
      let words = (row.defaultText ?? "").split { "[], ".contains($0) }
      return words.map { (String($0), position) }
    }
    guard case .list(let items) = value.content else {
      context.wrong(value, key, "a list of \(expected)")
      return []
    }
    return items.compactMap { item in
      context.text(item, key, expected).map { ($0, item.position) }
    }
  }

  /// The entries of a mapping whose keys the operator chose.
  func entries(of value: YAMLNode?, _ key: String) -> [YAMLNode.Entry] {
    guard let value, !value.isNothing else { return [] }
    if case .mapping(let entries) = value.content { return entries }
    context.wrong(value, key, "a mapping of names", Habits.collection(value, key))
    return []
  }

  /// The mappings of the list under a key.
  func items(of value: YAMLNode?, _ key: String) -> [(section: Section, node: YAMLNode)] {
    guard let value, !value.isNothing else { return [] }
    guard case .list(let items) = value.content else {
      context.wrong(value, key, "a list", Habits.collection(value, key))
      return []
    }
    return items.enumerated().map { index, node in
      let name = "\(child(key))[\(index)]"
      let section = Section(
        parent: Directives.row(child(key)).path + "[]", name: name, node: node,
        at: node.position, context)
      return (section, node)
    }
  }

  /// Text after `${NAME}` has been replaced, with where it stands; `nil` where there is none.
  func text(
    _ key: String, _ expected: String = "text"
  ) -> (text: String, position: Position)? {
    let (row, value) = take(key)
    guard let value else { return row.defaultText.map { ($0, position) } }
    guard let text = context.text(value, key, expected) else { return nil }
    return (text, value.position)
  }

  func word(_ key: String) -> String {
    let (row, value) = take(key)
    guard case .word(let words) = row.type else { preconditionFailure("\(row.path) is no word") }
    let fallback = row.defaultText?.filter { $0 != "\"" } ?? ""
    guard let value else { return fallback }
    let expected = Found.alternatives(words)
    guard let text = context.text(value, key, expected) else { return fallback }
    if words.contains(text) { return text }
    let hint = Habits.word(text, at: row.path) ?? Suggestion.text(for: text, among: words)
    context.wrong(value, key, expected, hint)
    return fallback
  }

  func flag(_ key: String) -> Bool {
    let (row, value) = take(key)
    let fallback = row.defaultText == "true"
    guard let value, let text = context.text(value, key, "true or false") else { return fallback }
    if !value.isQuoted, ["true", "True", "TRUE"].contains(text) { return true }
    if !value.isQuoted, ["false", "False", "FALSE"].contains(text) { return false }
    let isFlag = value.isQuoted && ["true", "false"].contains(text)
    let hint = isFlag ? Found.inQuotes : Found.meant(Habits.flag(text).map { "\($0)" })
    context.wrong(value, key, "true or false", hint)
    return fallback
  }

  func number(_ key: String) -> Int {
    let (row, value) = take(key)
    guard case .number(let range) = row.type else { preconditionFailure("\(row.path)") }
    let fallback = row.defaultText.flatMap { Int($0) } ?? range.lowerBound
    let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    guard let value, let text = context.text(value, key, expected) else { return fallback }
    if !value.isQuoted, let number = Number.parse(text), range.contains(number) { return number }
    let isNumber = value.isQuoted && Number.parse(text) != nil
    context.wrong(
      value, key, expected, isNumber ? Found.inQuotes : Number.hint(text, range, row.path))
    return fallback
  }

  func size(_ key: String) -> Int {
    let (row, value) = take(key)
    guard case .size(let range) = row.type else { preconditionFailure("\(row.path)") }
    let fallback = row.defaultText.flatMap { ByteSize.parse($0) } ?? range.lowerBound
    let expected = "a size such as 20MiB"
    guard let value, let text = context.text(value, key, expected) else { return fallback }
    guard let bytes = ByteSize.parse(text) else {
      context.wrong(value, key, expected, ByteSize.hint(text, range, row.path))
      return fallback
    }
    if range.contains(bytes) { return bytes }
    let (least, most) = (ByteSize.text(range.lowerBound), ByteSize.text(range.upperBound))
    context.wrong(value, key, "from \(least) to \(most)")
    return fallback
  }

  func duration(_ key: String) -> Duration { duration(key, TimeSpan.parse) }

  /// The same, where `parse` reads the text.
  func duration(_ key: String, _ parse: (String) -> Duration?) -> Duration {
    let (row, value) = take(key)
    guard case .duration(let range) = row.type else { preconditionFailure("\(row.path)") }
    let fallback = row.defaultText.flatMap { TimeSpan.parse($0) } ?? range.lowerBound
    let expected = "a duration such as 10s"
    guard let value, let text = context.text(value, key, expected) else { return fallback }
    guard let span = parse(text) else {
      context.wrong(value, key, expected, TimeSpan.hint(text, range))
      return fallback
    }
    if range.contains(span) { return span }
    let (least, most) = (TimeSpan.text(range.lowerBound), TimeSpan.text(range.upperBound))
    context.wrong(
      value, key, "from \(least) to \(most)", span == .zero ? TimeSpan.noLimit(range) : "")
    return fallback
  }

  /// The path of a file or directory; `nil` where the key has no default and is left out.
  func path(_ key: String) -> String? {
    let (row, value) = take(key)
    guard let value else { return row.defaultText }
    guard case .path(let words) = row.type else { preconditionFailure("\(row.path)") }
    return context.path(value, key, or: words) ?? row.defaultText
  }

  /// Where the value of a key is, or would be.
  func position(of key: String) -> Position { entries[key]?.position ?? position }

  /// Where a key of the mapping under `inner` is; `nil` where it is left out.
  func position(of key: String, in inner: String) -> Position? {
    guard case .mapping(let found) = entries[inner]?.content else { return nil }
    return found.first { $0.key == key }?.value.position
  }

  /// What people call a key of this mapping.
  func child(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }
}
