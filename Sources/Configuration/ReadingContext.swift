internal import EventLoop

/// What every part of the file is read with: where findings go, and what is outside of the file.
struct ReadingContext {
  let findings: Findings
  let named: NamedThings
  let source: ConfigurationSource
  /// Whether the whole text was read; otherwise what is missing may only not have been reached.
  let isComplete: Bool

  /// Reports a value that is not what it must be: what was expected, what was found.
  func wrong(_ node: YAMLNode, _ key: String, _ expected: String, _ hint: String = "") {
    if case .refused = node.content { return }
    let found = Found.text(node)
    let key = key.isEmpty ? "the file" : "'\(key)'"
    let hint = hint.isEmpty ? Habits.value(node, expected: expected) : hint
    findings.error(node.position, "\(key) must be \(expected), found \(found)\(hint)")
  }

  /// The text of a scalar, `${NAME}` replaced; says what is wrong where there is none.
  ///
  /// With `hasLines` it may have line ends and tabs.
  func text(
    _ node: YAMLNode, _ key: String, _ expected: String, hasLines: Bool = false
  ) -> String? {
    guard case .scalar(let raw, _) = node.content else {
      wrong(node, key, expected)
      return nil
    }
    guard !node.isNothing else {
      findings.error(node.position, "'\(key)' has no value; it must be \(expected)")
      return nil
    }
    guard raw.utf8.count <= Self.valueBytesMax else {
      findings.error(node.position, "'\(key)' is longer than \(Self.valueBytesMax) bytes")
      return nil
    }
    guard let text = expanded(raw, at: node.position) else { return nil }
    if text.isEmpty {
      findings.error(node.position, "'\(key)' is empty; it must be \(expected)")
      return nil
    }
    let isGood = text.unicodeScalars.allSatisfy {
      !$0.isControl || hasLines && ["\n", "\r", "\t"].contains($0)
    }
    if isGood { return text }
    findings.error(node.position, "'\(key)' has a line break or control character in it")
    return nil
  }

  /// Replaces `${NAME}` from the environment; `$${` stands for `${`.
  private func expanded(_ raw: String, at position: Position) -> String? {
    guard raw.utf8.contains(UInt8(ascii: "$")) else { return raw }
    var rest = Substring(raw)
    var text = ""
    var isGood = true
    while let dollar = rest.firstIndex(of: "$") {
      text += rest[..<dollar]
      rest = rest[dollar...]
      if rest.hasPrefix("$${") {
        text += "${"
        rest = rest.dropFirst(3)
      } else if rest.hasPrefix("${") {
        guard let end = rest.firstIndex(of: "}") else {
          findings.error(position, "'${' without '}'; write $${ for the text itself")
          return nil
        }
        let name = rest[rest.index(rest.startIndex, offsetBy: 2)..<end]
        rest = rest[rest.index(after: end)...]
        guard let value = variable(String(name), position) else {
          isGood = false
          continue
        }
        text += value
      } else {
        text += "$"
        rest = rest.dropFirst()
      }
    }
    return isGood ? text + rest : nil
  }

  private func variable(_ name: String, _ position: Position) -> String? {
    let first = name.utf8.first.map { $0 < 0x30 || $0 > 0x39 } ?? false
    let isName = name.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == 0x5F
    }
    guard first, isName else {
      findings.error(
        position, "'${\(Found.shortened(name))}' names no environment variable")
      return nil
    }
    if let value = source.environment[name] { return value }
    let hint = Suggestion.text(for: name, among: source.environment.keys.sorted())
    findings.error(position, "environment variable '\(name)' is not set\(hint)")
    return nil
  }

  /// The path of a file or directory, or one of the words that may stand instead.
  func path(_ node: YAMLNode, _ key: String, or words: [String]) -> String? {
    let expected = Found.alternatives(["a path"] + words)
    guard let text = text(node, key, expected) else { return nil }
    if words.contains(text) { return text }
    if let mistake = Self.mistake(inPath: text) {
      wrong(node, key, expected, mistake)
      return nil
    }
    // `log.access: of` is a word with a mistake in it, not a file of that name.
    if words.isEmpty || text.contains("/") { return text }
    var hint = Suggestion.text(for: text, among: words)
    if Habits.flag(text) == false { hint = Found.meant("off") }
    if ["stderr", "console", "true"].contains(text) { hint = Found.meant("stdout") }
    wrong(node, key, expected, hint.isEmpty ? "; a path has a '/'" : hint)
    return nil
  }

  /// Says that a file which the configuration names cannot be read, and what is in the way.
  func unreadable(_ path: String, _ position: Position, _ error: SystemError) {
    let report = AccessReport(findings: findings, view: source.view)
    guard report.isOpen(path, .read, position) else { return }
    findings.error(position, "'\(Found.shortened(path))' cannot be read: \(error.reason)")
  }

  /// What makes a text one that only a shell or a browser takes for a path; `nil` for nothing.
  private static func mistake(inPath text: String) -> String? {
    if text.hasPrefix("~") { return "; '~' is a shell's: write the whole path" }
    if text.hasPrefix("file://") { return Found.meant(String(text.dropFirst(7))) }
    if text.hasSuffix(";") { return "; no ';' ends a value" }
    if text.contains("://") { return "; no URL is taken here" }
    let variable = Habits.variable(text)
    return variable.isEmpty ? nil : variable
  }

  /// The kernel takes no longer path, and nothing else comes near.
  private static let valueBytesMax = 4095
}

/// What was found instead, for messages.
package enum Found {
  private static let charactersMax = 60

  static let inQuotes = "; what is in quotation marks is text"

  /// `'lots'`, `a list`, `nothing`.
  static func text(_ node: YAMLNode) -> String {
    switch node.content {
    case .scalar where node.isNothing: "nothing"
    case .scalar(let text, _): "'\(shortened(text))'"
    case .list: "a list"
    case .mapping: "a mapping"
    case .refused: "nothing usable"
    }
  }

  /// Short enough for a message.
  package static func shortened(_ text: String) -> String {
    let start = text.unicodeScalars.prefix(charactersMax)
    return start.endIndex == text.endIndex ? text : String(start) + "…"
  }

  /// `a, b or c`.
  package static func alternatives(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }

  static func meant(_ text: String?) -> String {
    text.map { "; did you mean '\($0)'?" } ?? ""
  }
}

/// Whole decimal numbers without a sign.
package enum Number {
  package static func parse(_ text: String) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text)
  }
}

extension Unicode.Scalar {
  /// Whether it would move the cursor of a terminal or break a line of a log.
  package var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || value == 0x2028 || value == 0x2029
  }
}
