/// The commented example with every key and its default, made from the rows of the keys.
package enum ReferencePage {
  /// The text of `conf/edgeproxy.reference.yaml`.
  package static func text() -> String {
    var page = Page()
    page.lines = introduction
    page.keys(of: "", indentation: "", isComment: false)
    return page.lines.joined(separator: "\n") + "\n"
  }

  private static let introduction = [
    "# Every key of edgeproxy with its default, as `edgeproxy --print-reference` prints it.",
    "#",
    "# A configuration needs `upstreams` and `routes`; what is left out has the default given here.",
    "# Keys behind a `#` are off unless they are given. Durations are written 500ms, 10s,",
    "# 5m or 12h, sizes 512B, 16KiB, 1MiB or 1GiB. ${NAME} is taken from the environment, $${ is",
    "# the text ${. Text in quotation marks is never a number or a truth value.",
  ]

  private struct Page {
    var lines: [String] = []

    /// Adds the rows of what is in a mapping.
    mutating func keys(of parent: String, indentation: String, isComment: Bool) {
      for row in Directives.children(of: parent) {
        let isOff = isComment || row.isOff
        if parent.isEmpty { lines.append("") }
        lines.append("\(indentation)# \(row.help).\(row.type.bounds)\(row.restartMark)")
        let mark = isOff && !isComment ? "# " : ""
        lines.append("\(indentation)\(mark)\(row.shownKey):\(row.shownValue)")
        inside(row, indentation: indentation + mark + "  ", isComment: isOff)
      }
    }

    /// Adds what is under a key.
    private mutating func inside(_ row: Directive, indentation: String, isComment: Bool) {
      switch row.type {
      case .section, .optionalSection:
        keys(of: row.path, indentation: indentation, isComment: isComment)
      case .table where row.path == "upstreams":
        lines.append("\(indentation)\(row.example ?? ""):")
        keys(of: row.path + ".NAME", indentation: indentation + "  ", isComment: isComment)
      case .table: keys(of: row.path, indentation: indentation, isComment: isComment)
      case .list: item(row.path + "[]", indentation, isComment: isComment)
      case .nodes:
        lines.append("\(indentation)- \(row.example ?? "")")
        item(row.path + "[]", indentation, isComment: isComment)
      default: break
      }
    }

    /// Adds one mapping of a list: its first key stands after the dash.
    private mutating func item(_ path: String, _ indentation: String, isComment: Bool) {
      let start = lines.count
      keys(of: path, indentation: indentation + "  ", isComment: isComment)
      // The comment of the first key moves out to the dash, which the key then follows.
      lines[start] = indentation + lines[start].dropFirst(indentation.utf8.count + 2)
      lines[start + 1] =
        indentation + "- " + lines[start + 1].dropFirst(indentation.utf8.count + 2)
    }
  }
}

extension Directive {
  /// Left out unless it is wanted.
  fileprivate var isOff: Bool {
    guard defaultText == nil, !isRequired else { return false }
    if case .section = type { return false }
    return true
  }

  /// Says that a reload leaves the key as it was.
  fileprivate var restartMark: String {
    Configuration.restartKeys.contains(path) ? " A change needs a restart." : ""
  }

  fileprivate var shownKey: String { key == "STATUS" ? "503" : key }

  fileprivate var shownValue: String {
    switch type {
    case .section, .optionalSection, .table, .list, .nodes: ""
    default: (defaultText ?? example).map { " " + $0 } ?? ""
    }
  }
}

extension Directive.ValueType {
  /// The values that are accepted, as the end of a comment.
  var bounds: String {
    switch self {
    case .word(let words): words.count > 1 ? " One of: \(words.joined(separator: ", "))." : ""
    case .number(let range): " \(range.lowerBound) to \(range.upperBound)."
    case .size(let range):
      " \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound))."
    case .duration(let range):
      " \(TimeSpan.text(range.lowerBound)) to \(TimeSpan.text(range.upperBound))."
    default: ""
    }
  }
}
