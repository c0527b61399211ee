/// A value of the configuration file with the place where it begins.
struct YAMLNode: Sendable {
  var position: Position
  var content: Content

  indirect enum Content: Sendable {
    /// `quoted`: never a number, a truth value or nothing, whatever it spells.
    case scalar(String, quoted: Bool)
    case list([YAMLNode])
    case mapping([Entry])
    /// Reported already; readers say nothing more about it.
    case refused
  }

  struct Entry: Sendable {
    var key: String
    var keyPosition: Position
    var value: YAMLNode
  }

  /// A key without a value, `~` and `null`.
  var isNothing: Bool {
    guard case .scalar(let text, quoted: false) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  var isQuoted: Bool {
    if case .scalar(_, quoted: true) = content { true } else { false }
  }

  var isEmptyList: Bool {
    if case .list(let items) = content { items.isEmpty } else { false }
  }

  var isMapping: Bool {
    if case .mapping = content { true } else { false }
  }

  /// Where a mapping's first key is; otherwise where the value begins.
  var firstKeyPosition: Position {
    if case .mapping(let entries) = content {
      entries.first?.keyPosition ?? position
    } else {
      position
    }
  }
}
