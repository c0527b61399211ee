/// A value of the YAML that is written.
indirect enum YAMLValue {
  /// Text of the other server's: in quotation marks wherever YAML could take it for something else.
  case text(String)
  /// A number, a truth value or a word of ours.
  case word(String)
  case list([YAMLItem])
  case mapping([YAMLEntry])

  static func texts(_ texts: [String]) -> YAMLValue { .list(texts.map { YAMLItem(.text($0)) }) }
}

struct YAMLItem {
  var value: YAMLValue
  var comments: [String]

  init(_ value: YAMLValue, comments: [String] = []) {
    self.value = value
    self.comments = comments
  }
}

struct YAMLEntry {
  var key: String
  var value: YAMLValue
  var comments: [String]

  init(_ key: String, _ value: YAMLValue, comments: [String] = []) {
    self.key = key
    self.value = value
    self.comments = comments
  }
}

/// Writes YAML as people do: short things on one line, two spaces for each level.
struct YAMLWriter {
  private static let columnsMax = 100

  private(set) var text = ""

  mutating func comment(_ comment: String, indent: Int = 0) {
    let prefix = String(repeating: " ", count: indent) + "#"
    var line = prefix
    // In words, so that a long sentence is several lines.
    for word in Plain.text(comment).split(separator: " ", omittingEmptySubsequences: false) {
      let isFull = line.count > prefix.count + 1 && line.count + word.count >= Self.columnsMax
      if isFull {
        text += line + "\n"
        line = prefix + "  "
      }
      line += " " + word
    }
    while line.hasSuffix(" ") { line.removeLast() }
    text += line + "\n"
  }

  /// A line as it is, such as one of a command that is to be copied.
  mutating func line(_ line: String) { text += Plain.text(line) + "\n" }

  mutating func write(_ entries: [YAMLEntry], indent: Int = 0) {
    for entry in entries {
      for comment in entry.comments { self.comment(comment, indent: indent) }
      text += String(repeating: " ", count: indent) + YAMLText.key(entry.key) + ":"
      write(entry.value, indent: indent, column: indent + entry.key.count + 1)
    }
  }

  /// Writes a value behind its key or its `-`.
  private mutating func write(_ value: YAMLValue, indent: Int, column: Int) {
    if let flow = Self.flow(value), column + flow.count < Self.columnsMax || !value.isCollection {
      text += " " + flow + "\n"
      return
    }
    text += "\n"
    switch value {
    case .mapping(let entries): write(entries, indent: indent + 2)
    case .list(let items): write(items, indent: indent + 2)
    case .text, .word: break
    }
  }

  private mutating func write(_ items: [YAMLItem], indent: Int) {
    let margin = String(repeating: " ", count: indent)
    for item in items {
      for comment in item.comments { self.comment(comment, indent: indent) }
      let flow = Self.flow(item.value).map { indent + 2 + $0.count < Self.columnsMax } ?? false
      if case .mapping(let entries) = item.value, !flow || entries.count > 3 {
        var inner = YAMLWriter()
        inner.write(entries, indent: indent + 2)
        text += margin + "- " + inner.text.dropFirst(indent + 2)
      } else {
        text += margin + "-"
        write(item.value, indent: indent, column: indent + 2)
      }
    }
  }

  /// The value on one line; `nil` where comments are in it, or where it is too deep to read so.
  private static func flow(_ value: YAMLValue, depth: Int = 0) -> String? {
    guard depth < 3 else { return nil }
    switch value {
    case .text(let text): return YAMLText.scalar(text)
    case .word(let word): return word
    case .list(let items):
      var parts: [String] = []
      for item in items {
        guard item.comments.isEmpty, let part = flow(item.value, depth: depth + 1) else {
          return nil
        }
        parts.append(part)
      }
      return "[" + parts.joined(separator: ", ") + "]"
    case .mapping(let entries):
      var parts: [String] = []
      for entry in entries {
        guard entry.comments.isEmpty, let part = flow(entry.value, depth: depth + 1) else {
          return nil
        }
        parts.append("\(YAMLText.key(entry.key)): \(part)")
      }
      return parts.isEmpty ? "{}" : "{ " + parts.joined(separator: ", ") + " }"
    }
  }
}

extension YAMLValue {
  var isCollection: Bool {
    switch self {
    case .text, .word: false
    case .list, .mapping: true
    }
  }
}

/// Text as YAML and our loader read it back.
enum YAMLText {
  /// A value: `${` is ours for a variable of the environment, and stands for itself as `$${`.
  static func scalar(_ text: String) -> String { quoted(text.replacing("${", with: "$${")) }

  /// A name, or a number such as a status.
  static func key(_ text: String) -> String {
    let isNumber = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    return isNumber ? text : quoted(text)
  }

  private static func quoted(_ text: String) -> String {
    if isPlain(text) { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      default:
        // Nothing else that YAML does not take is text that any key of ours takes.
        if Plain.isPlain(scalar) { quoted.unicodeScalars.append(scalar) }
      }
    }
    return quoted + "\""
  }

  /// Words that YAML 1.1 and our loader take for something else than text, in lower case.
  private static let reserved: Set<String> = [
    "true", "false", "yes", "no", "on", "off", "null", "y", "n", "none",
  ]

  /// Letters first, or a `/` and a letter; nothing that means something within `[ ]` or `{ }`.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, !reserved.contains(text.lowercased()) else { return false }
    let isLetter = { (byte: UInt8) in (0x41...0x5A).contains(byte & 0xDF) }
    guard isLetter(first) || first == UInt8(ascii: "/") else { return false }
    return text.utf8.allSatisfy {
      isLetter($0) || (0x30...0x39).contains($0) || "-_./+=".utf8.contains($0)
    }
  }
}

/// Quantities as our keys take them.
enum Quantity {
  /// In the largest unit that gives a whole number.
  static func duration(milliseconds: Int) -> String {
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)]
    where milliseconds >= size && milliseconds % size == 0 {
      return "\(milliseconds / size)\(unit)"
    }
    return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
  }

  static func size(bytes: Int) -> String {
    for (unit, size) in [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    where bytes >= size && bytes % size == 0 {
      return "\(bytes / size)\(unit)"
    }
    return "\(bytes)B"
  }
}
