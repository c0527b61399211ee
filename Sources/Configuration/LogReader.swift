/// Reads `log`.
struct LogReader {
  let context: ReadingContext

  private static let expected = "json, combined or a text with fields such as {client}"

  /// `access` is its own value, which was read as a path.
  func read(_ section: Section, access: String?) -> LogSettings {
    let destination: LogSettings.AccessDestination =
      switch access {
      case "off", nil: .off
      case "stdout": .standardOutput
      case .some(let path): .file(path)
      }
    return LogSettings(
      access: destination, format: format(section),
      level: LogSettings.Level(rawValue: section.word("level")) ?? .info,
      health: section.flag("health"))
  }

  private func format(_ section: Section) -> LogSettings.Format {
    if let value = section.collection("format") {
      context.wrong(
        value, "format", Self.expected,
        "; a text that begins with '{' or '[' stands in quotation marks")
      return .json
    }
    guard let (text, position) = section.text("format", Self.expected) else { return .json }
    switch text {
    case "json": return .json
    case "combined": return .combined
    default: break
    }
    guard text.contains(where: { "{}$%".contains($0) }) else {
      let hint =
        Habits.word(text, at: "log.format")
        ?? Suggestion.text(for: text, among: ["json", "combined"])
      context.findings.error(
        position,
        "'format' must be \(Self.expected), found '\(Found.shortened(text))'\(hint)")
      return .json
    }
    do throws(LogFormat.Mistake) {
      return .text(try LogFormat.pieces(of: text))
    } catch {
      context.findings.error(position, Self.message(error))
      return .json
    }
  }

  private static func message(_ mistake: LogFormat.Mistake) -> String {
    switch mistake {
    case .unclosed: "a '{' or '}' stands alone in 'format'; the character itself is {{ or }}"
    case .noField: "'format' has no field, so that all lines would be the same"
    case .unknown(let name, let meant):
      "there is no field '{\(Found.shortened(name))}' in 'format'\(Found.meant(meant))"
    case .badHeader(let name):
      "'\(Found.shortened(name))' in 'format' is no name of a field; it is {header:NAME}, such as"
        + " {header:Accept-Language}"
    case .secret(let name):
      "'{header:\(Found.shortened(name))}' in 'format' may be a secret, which no log must have"
    case .foreign(let text, let server, let meant):
      "'\(Found.shortened(text))' in 'format' is \(server)'s and means nothing here"
        + (meant.map { "; here it is \($0)" } ?? "; docs/measuring.md lists the fields")
    }
  }
}
