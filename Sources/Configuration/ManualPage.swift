/// The manual page edgeproxy.yaml(5), in the language of man(7), made from the rows of the keys.
package enum ManualPage {
  package static func text() -> String {
    let keys = Directives.all.flatMap { row in
      [".TP", "\\fB\(escaped(row.path))\\fR \(escaped(row.type.name))", escaped(sentences(row))]
    }
    return (introduction + keys + ending).joined(separator: "\n") + "\n"
  }

  private static let introduction = [
    #".TH EDGEPROXY.YAML 5 "" "\#(escaped(Version.text))" "File formats""#,
    ".SH NAME",
    #"edgeproxy.yaml \- the configuration of edgeproxy(8)"#,
    ".SH SYNOPSIS",
    ".B /etc/edgeproxy/edgeproxy.yaml",
    ".SH DESCRIPTION",
    "The file is YAML. It needs routes, and under upstreams what the routes name; a server of listen.tcp",
    "alone needs no route.",
    "Every other key has a default.",
    "Durations are written 500ms, 10s, 5m or 12h, sizes 512B, 16KiB, 1MiB or 1GiB.",
    "${NAME} is taken from the environment, $${ is the text ${.",
    ".PP",
    #"\fBedgeproxy \-\-check\-config\fR reports every mistake with its line and column."#,
    #"\fBsystemctl reload edgeproxy\fR or \fBedgeproxy reload\fR puts a changed file into force."#,
    ".SH KEYS",
    "A dot leads into a mapping, [] stands for each item of a list, and a word in capitals for a name of",
    "your choice.",
  ]

  private static let ending = [
    ".SH FILES",
    ".TP",
    ".I /etc/edgeproxy/edgeproxy.yaml",
    "The configuration. It belongs to root; the group edgeproxy reads it.",
    ".TP",
    ".I /usr/share/doc/edgeproxy/examples",
    "The reference with every key and its default, and examples.",
    ".SH SEE ALSO",
    ".BR edgeproxy (8)",
  ]

  /// What the key does, what it may be, and what it is when it is not given.
  private static func sentences(_ row: Directive) -> String {
    var parts = ["\(row.help)."]
    if !row.type.bounds.isEmpty { parts.append(String(row.type.bounds.dropFirst())) }
    if let text = row.defaultText { parts.append("Default: \(text).") }
    if row.isRequired { parts.append("It must be given.") }
    if let example = row.example, !example.isEmpty { parts.append("Example: \(example).") }
    return parts.joined(separator: " ")
  }

  /// Text that is never an instruction for the formatter; a hyphen stays one, so that it can be copied.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case ".", "'": result += (result.isEmpty ? "\\&" : "") + String(character)
      default: result.append(character)
      }
    }
    return result
  }
}

extension Directive.ValueType {
  /// What kind of value it is, for people.
  fileprivate var name: String {
    switch self {
    case .section, .optionalSection, .table: "(mapping)"
    case .list, .nodes: "(list)"
    case .text: "(text)"
    case .word: "(word)"
    case .path: "(path)"
    case .flag: "(true or false)"
    case .number: "(number)"
    case .size: "(size)"
    case .duration: "(duration)"
    case .listenAddresses, .datagramAddresses, .addresses: "(addresses)"
    case .contacts: "(mail addresses)"
    case .texts: "(list of texts)"
    case .oneOrMore: "(text or list of texts)"
    case .shared: "(keys of routes)"
    case .groups: "(names of keys of routes)"
    case .fields: "(mapping of field names to values)"
    case .endpoints: "(URLs)"
    case .administration: "(address or off)"
    case .mediaTypes: "(media types)"
    case .networks: "(networks)"
    case .causes: "(causes)"
    }
  }
}
