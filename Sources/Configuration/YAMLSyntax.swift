/// Describes mistakes in text that is no YAML, for people who do not know libyaml.
enum YAMLSyntax {
  /// Finds words for a mistake of libyaml's: `problem` and `context` are its own, it stopped at
  /// `place`, and what it was reading there began at `since`.
  static func mistake(
    problem: String, context: String, at place: Position, since: Position, text: [UInt8]
  ) -> (position: Position, message: String) {
    let line = Line(at: place, in: text)
    if let strange = LookAlike.hint(in: line.text) { return (place, "not valid YAML: \(strange)") }
    if let found = flow(problem, context, at: place, since: since, text: text) { return found }
    switch problem {
    case "mapping values are not allowed in this context":
      return Self.unexpectedColon(at: place, in: text)
    case "found unexpected end of stream" where context.contains("quoted scalar"):
      return (since, "the quotation mark opened here is never closed")
    case "could not find expected ':'":
      return Self.missingColon(Line(at: since, in: text), since)
    case "did not find expected key" where line.isAfterQuotation(place):
      return (place, "nothing may follow the closing quotation mark")
    case "did not find expected key":
      return (place, "the indentation fits no key above")
    case "did not find expected '-' indicator":
      return (place, "the indentation fits no list above")
    case "block sequence entries are not allowed in this context":
      return (place, "a list begins on a line of its own; or write it as [a, b]")
    case "found character that cannot start any token":
      return (place, cannotBegin(byte(at: place, in: text)))
    case "found unknown escape character":
      return (
        place,
        "'\\' and this character mean nothing within \"…\"; within '…' a '\\' is only itself"
      )
    case "did not find expected <document start>":
      return (place, "the text above is complete already; check brackets and quotation marks")
    default:
      if byte(at: place, in: text) == UInt8(ascii: "\t") { return (place, tab) }
      if let quoted = needsQuotes(context, Line(at: since, in: text), since) {
        return (since, quoted)
      }
      return (place, "not valid YAML: \(problem)")
    }
  }

  /// Mistakes within `[ ]` and `{ }`.
  private static func flow(
    _ problem: String, _ context: String, at place: Position, since: Position, text: [UInt8]
  ) -> (position: Position, message: String)? {
    switch problem {
    case "did not find expected ',' or ']'" where isVariable(before: place, in: text),
      "did not find expected ',' or '}'" where isVariable(before: place, in: text):
      return (place, "'${NAME}' within [ ] or { } must stand in quotation marks")
    case "did not find expected ',' or ']'":
      return (since, "the list opened here with '[' is not closed with ']'")
    case "did not find expected ',' or '}'":
      return (since, "the mapping opened here with '{' is not closed with '}'")
    case "did not find expected node content":
      return (place, "a value is missing here, or a '[' or '{' above is not closed")
    default: return nil
    }
  }

  /// How many lines above a mistake are looked at.
  private static let linesAboveMax = 20

  /// `: ` within a value, or after a line that lacks the space after its own `:`.
  private static func unexpectedColon(
    at place: Position, in text: [UInt8]
  ) -> (position: Position, message: String) {
    var above = Position(line: place.line, column: 1)
    while above.line > 1, place.line - above.line < linesAboveMax {
      above.line -= 1
      let line = Line(at: above, in: text)
      if line.isBlank { continue }
      if let column = line.columnOfMissingSpace {
        return (Position(line: above.line, column: column), missingSpace)
      }
      let key = Position(line: above.line, column: line.keyColumn)
      if !line.text.contains(":") { return missingColon(line, key) }
      let here = Line(at: place, in: text).keyColumn
      if here > line.keyColumn, line.hasValue {
        let name = Found.shortened(line.token(at: key).filter { $0 != ":" })
        return (
          Position(line: place.line, column: here),
          "this line begins further right than '\(name)' above; keys of one mapping stand in one column"
        )
      }
      break
    }
    return (
      place, "':' is not expected here; check the indentation, or put the text in quotes"
    )
  }

  private static func missingColon(
    _ line: Line, _ since: Position
  ) -> (position: Position, message: String) {
    if let column = line.columnOfMissingSpace {
      return (Position(line: since.line, column: column), missingSpace)
    }
    if line.text.contains("=") { return (since, "a key and its value are written 'key: value'") }
    return (since, "no ':' after this key")
  }

  static let missingSpace = "a space is missing after ':'"

  /// Text that begins with a mark of YAML: `*`, `&`, `!`, `|`, `>`.
  private static func needsQuotes(_ context: String, _ line: Line, _ since: Position) -> String? {
    let begins = [
      "while scanning an alias", "while scanning an anchor", "while scanning a tag",
      "while parsing a tag", "while parsing a node", "while scanning a block scalar",
    ]
    let token = line.token(at: since)
    guard begins.contains(context), let first = token.first, "*&!|>".contains(first) else {
      return nil
    }
    return "text that begins with '\(first)' must stand in quotation marks:"
      + " \"\(Found.shortened(token))\""
  }

  private static let tab = "a tab; YAML is indented with spaces only"

  private static func cannotBegin(_ byte: UInt8?) -> String {
    guard let byte else { return "not valid YAML here" }
    if byte == UInt8(ascii: "\t") { return tab }
    return "text cannot begin with '\(Character(Unicode.Scalar(byte)))'; put it in quotes"
  }

  /// Whether libyaml stopped at the brace of `${`, which opens a mapping to it.
  private static func isVariable(before place: Position, in text: [UInt8]) -> Bool {
    guard let index = index(of: place, in: text), index > 0, index < text.count else {
      return false
    }
    return text[index] == UInt8(ascii: "{") && text[index - 1] == UInt8(ascii: "$")
  }

  private static func byte(at place: Position, in text: [UInt8]) -> UInt8? {
    guard let index = index(of: place, in: text), index < text.count else { return nil }
    return text[index]
  }

  /// Right where the characters before it in its line are ASCII, and good enough for words elsewhere.
  private static func index(of place: Position, in text: [UInt8]) -> Int? {
    var start = 0
    for _ in 1..<place.line {
      guard let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
      start = end + 1
    }
    return start + place.column - 1
  }
}

/// What must be true of a file's bytes before they can be YAML.
enum ConfigurationText {
  /// The byte-order mark of UTF-8 means nothing and is taken off.
  static func withoutMark(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
  }

  /// Reports the first byte that no text has; `true` where there is none.
  static func check(_ bytes: [UInt8], findings: Findings) -> Bool {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      findings.error(.start, "this is UTF-16; the configuration must be UTF-8")
      return false
    }
    var position = Position.start
    var index = 0
    while index < bytes.count {
      let length = scalarLength(bytes, at: index)
      guard length > 0 else {
        findings.error(position, "byte \(hex(bytes[index])) is not UTF-8 text")
        return false
      }
      let byte = bytes[index]
      if byte < 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D || byte == 0x7F {
        findings.error(position, "control character \(hex(byte)) in the text")
        return false
      }
      if length > 1, isOutsideYAML(bytes[index..<index + length]) {
        findings.error(position, "a control character or byte-order mark in the text")
        return false
      }
      index += length
      position.column += 1
      if byte == 0x0A {
        position = Position(line: position.line + 1, column: 1)
      }
    }
    return true
  }

  /// Whether YAML has no such character (YAML 1.1 §5.1): C1 controls, U+FEFF, U+FFFE, U+FFFF.
  private static func isOutsideYAML(_ scalar: ArraySlice<UInt8>) -> Bool {
    switch (scalar[scalar.startIndex], scalar[scalar.startIndex + 1], scalar[scalar.endIndex - 1]) {
    case (0xC2, 0x85, _): false
    case (0xC2, 0x80...0x9F, _), (0xEF, 0xBB, 0xBF), (0xEF, 0xBF, 0xBE...0xBF): true
    default: false
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.utf8.count == 1 ? "0x0\(digits)" : "0x\(digits)"
  }

  /// The length of the UTF-8 sequence at `index`, 0 where there is none (RFC 3629 §4).
  private static func scalarLength(_ bytes: [UInt8], at index: Int) -> Int {
    let first = bytes[index]
    if first < 0x80 { return 1 }
    guard first >= 0xC2, first <= 0xF4 else { return 0 }
    let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    guard index + length <= bytes.count else { return 0 }
    for offset in 1..<length where bytes[index + offset] & 0xC0 != 0x80 { return 0 }
    switch (first, bytes[index + 1]) {
    case (0xE0, ..<0xA0), (0xED, 0xA0...), (0xF0, ..<0x90), (0xF4, 0x90...): return 0
    default: return length
    }
  }
}
