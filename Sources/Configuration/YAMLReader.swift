internal import CYAML

/// Reads YAML text into a tree: one document, no aliases, no tags, bounded in depth and size.
///
/// libyaml stops at the first mistake of syntax. What was read up to there is still returned, so
/// that mistakes of meaning before it can be reported in the same run.
struct YAMLReader {
  static let depthMax = 32
  static let nodesMax = 100_000

  /// The result of reading; `root` is `nil` where there is nothing in the text.
  struct Result {
    var root: YAMLNode?
    /// Whether the text was read to its end.
    var isComplete: Bool
  }

  /// A list or mapping whose end has not been read.
  private struct Open {
    var position: Position
    var isMapping: Bool
    var items: [YAMLNode] = []
    var entries: [YAMLNode.Entry] = []
    var lines: [String: Int] = [:]
    /// A key that waits for its value; without text where it was refused.
    var key: (text: String?, position: Position)?
    /// Written with `[ ]` or `{ }`.
    var isFlow: Bool
    /// One of its keys was no word, so that nothing is known of it.
    var isRefused = false
  }

  private let findings: Findings
  private var open: [Open] = []
  private var root: YAMLNode?
  private var nodes = 0

  private init(findings: Findings) { self.findings = findings }

  /// Reads text that is known to be UTF-8 without a byte-order mark.
  static func read(_ text: [UInt8], findings: Findings) -> Result {
    var reader = YAMLReader(findings: findings)
    let isComplete = reader.run(text)
    // What is still open after a mistake of syntax counts as far as it goes.
    while !reader.open.isEmpty { reader.close() }
    return Result(root: reader.root, isComplete: isComplete)
  }

  private mutating func run(_ text: [UInt8]) -> Bool {
    // SAFETY: the parser lives in this frame, and `text` outlives it within `withUnsafeBuffer…`.
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else { return false }
    defer { unsafe yaml_parser_delete(&parser) }
    return unsafe text.withUnsafeBufferPointer { bytes in
      unsafe yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
      unsafe yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
      while true {
        // SAFETY: libyaml fills the event, which is deleted before the next one.
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(&parser, &event) == 1 else {
          unsafe report(parser, text)
          refuseLast()
          return false
        }
        defer { unsafe yaml_event_delete(&event) }
        if unsafe event.type == YAML_STREAM_END_EVENT { return true }
        guard unsafe take(event) else { return false }
      }
    }
  }

  /// Takes one event in; `false` where reading on makes no sense.
  private mutating func take(_ event: yaml_event_t) -> Bool {
    let position = unsafe Position(event.start_mark)
    switch unsafe event.type {
    case YAML_DOCUMENT_START_EVENT where root != nil:
      findings.error(position, "a second document begins here; one file holds one configuration")
      return false
    case YAML_ALIAS_EVENT:
      findings.error(
        position,
        "text that begins with '*' must stand in quotation marks; aliases are not accepted")
      put(YAMLNode(position: position, content: .refused))
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      let isDecorated = unsafe refuseDecoration(
        position, anchor: scalar.anchor, tag: scalar.tag)
      // SAFETY: libyaml owns the text until the event is deleted; it is copied here.
      let text = unsafe String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      let quoted = unsafe scalar.style != YAML_PLAIN_SCALAR_STYLE
      // `!app` and `&app` were meant as text.
      let isText = !isDecorated || !text.isEmpty
      put(
        YAMLNode(position: position, content: isText ? .scalar(text, quoted: quoted) : .refused))
    case YAML_SEQUENCE_START_EVENT:
      let start = unsafe event.data.sequence_start
      unsafe refuseDecoration(position, anchor: start.anchor, tag: start.tag)
      let isFlow = unsafe start.style == YAML_FLOW_SEQUENCE_STYLE
      return begin(position, isMapping: false, isFlow: isFlow)
    case YAML_MAPPING_START_EVENT:
      let start = unsafe event.data.mapping_start
      unsafe refuseDecoration(position, anchor: start.anchor, tag: start.tag)
      let isFlow = unsafe start.style == YAML_FLOW_MAPPING_STYLE
      return begin(position, isMapping: true, isFlow: isFlow)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: close()
    default: break
    }
    return mayGoOn(position)
  }

  /// Forgets the value that the parser stumbled behind: it may have run into what comes after it.
  private mutating func refuseLast() {
    for index in open.indices where open[index].isFlow { open[index].isRefused = true }
    guard var last = open.popLast() else {
      if case .scalar? = root?.content { root?.content = .refused }
      return
    }
    defer { open.append(last) }
    guard last.key == nil else { return }
    if let end = last.entries.indices.last, case .scalar = last.entries[end].value.content {
      last.entries[end].value.content = .refused
    }
    if let end = last.items.indices.last, case .scalar = last.items[end].content {
      last.items[end].content = .refused
    }
  }

  private func mayGoOn(_ position: Position) -> Bool {
    if nodes <= Self.nodesMax { return true }
    findings.error(position, "more than \(Self.nodesMax) values; this is no configuration file")
    return false
  }

  /// Reports an anchor and a tag; `true` where there is one.
  @discardableResult
  private func refuseDecoration(
    _ position: Position, anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?
  ) -> Bool {
    // SAFETY: nothing is read, only whether there is something.
    if unsafe anchor != nil {
      findings.error(
        position,
        "text that begins with '&' must stand in quotation marks; anchors are not accepted")
    }
    // SAFETY: as above.
    if unsafe tag != nil {
      findings.error(
        position, "text that begins with '!' must stand in quotation marks; tags are not accepted")
    }
    return unsafe anchor != nil || tag != nil
  }

  private mutating func begin(_ position: Position, isMapping: Bool, isFlow: Bool) -> Bool {
    open.append(Open(position: position, isMapping: isMapping, isFlow: isFlow))
    if open.count <= Self.depthMax { return mayGoOn(position) }
    findings.error(position, "nested more than \(Self.depthMax) deep")
    return false
  }

  /// Ends the innermost list or mapping and puts it where it belongs.
  private mutating func close() {
    guard var last = open.popLast() else { return }
    if let key = last.key, let text = key.text {
      // Only after a mistake of syntax: the value never came.
      let nothing = YAMLNode(position: key.position, content: .refused)
      last.entries.append(.init(key: text, keyPosition: key.position, value: nothing))
    }
    let content: YAMLNode.Content =
      last.isRefused ? .refused : last.isMapping ? .mapping(last.entries) : .list(last.items)
    put(YAMLNode(position: last.position, content: content))
  }

  /// Adds a value to the innermost list or mapping, or makes it the root.
  private mutating func put(_ node: YAMLNode) {
    nodes += 1
    guard var last = open.popLast() else {
      root = node
      return
    }
    defer { open.append(last) }
    guard last.isMapping else {
      last.items.append(node)
      return
    }
    guard let key = last.key else {
      last.key = (keyText(node), node.position)
      if last.key?.text == nil { last.isRefused = true }
      return
    }
    last.key = nil
    guard let text = key.text else { return }
    if let line = last.lines[text] {
      findings.error(
        key.position, "duplicate key '\(Found.shortened(text))', first on line \(line)")
      return
    }
    last.lines[text] = key.position.line
    last.entries.append(.init(key: text, keyPosition: key.position, value: node))
  }

  private func keyText(_ node: YAMLNode) -> String? {
    if case .scalar(let text, _) = node.content { return text }
    if case .refused = node.content { return nil }
    findings.error(node.position, "a key must be a word; does text with { or [ lack its quotes?")
    return nil
  }

  /// Says in our words what libyaml stumbled over.
  private func report(_ parser: borrowing yaml_parser_t, _ text: [UInt8]) {
    guard unsafe parser.problem != nil else {
      findings.error(.start, "libyaml has run out of memory")
      return
    }
    // SAFETY: libyaml's messages are constants.
    let problem = unsafe String(cString: parser.problem)
    let context = unsafe parser.context != nil ? String(cString: parser.context) : ""
    let mistake = unsafe YAMLSyntax.mistake(
      problem: problem, context: context, at: Position(parser.problem_mark),
      since: Position(parser.context_mark), text: text)
    findings.error(mistake.position, mistake.message)
  }
}

extension Position {
  /// libyaml counts from 0.
  fileprivate init(_ mark: yaml_mark_t) {
    self.init(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
  }
}
