/// One key of the configuration file: the row from which parsing, messages and the reference come.
package struct Directive: Sendable {
  /// From the top: `upstreams.NAME.timeouts.connect`, `routes[].host`.
  var path: String
  var type: ValueType
  /// As it would be written in the file; `nil` where there is none.
  package var defaultText: String?
  /// What the reference shows where there is no default.
  var example: String?
  var isRequired: Bool
  /// One sentence or phrase, without its full stop.
  var help: String

  enum ValueType: Sendable {
    /// A mapping with a row for each of its keys.
    case section
    /// The same, of something that is off unless the key is given.
    case optionalSection
    /// A mapping whose keys the operator chooses.
    case table
    /// A list of mappings with a row for each of their keys.
    case list
    case text
    /// One of these words.
    case word([String])
    /// A file or directory; `or` are words that stand for something else.
    case path(or: [String])
    case flag
    case number(ClosedRange<Int>)
    /// Bytes.
    case size(ClosedRange<Int>)
    case duration(ClosedRange<Duration>)
    /// IP addresses with ports to listen at.
    case listenAddresses
    /// One or a list of addresses that datagrams are taken at.
    case datagramAddresses
    /// A list of texts.
    case texts
    /// A text or a list of texts.
    case oneOrMore
    /// A mapping of keys of routes.
    case shared
    /// A mapping of names to such.
    case groups
    /// One or a list of mail addresses.
    case contacts
    /// IP addresses, with ports or without.
    case addresses
    /// A mapping of field names to values.
    case fields
    /// URLs of etcd's members.
    case endpoints
    /// Where administrators connect, or `off`.
    case administration
    /// Media types, or `text/*` for all of a kind.
    case mediaTypes
    /// Addresses with prefixes.
    case networks
    case nodes
    /// Words and statuses.
    case causes(words: [String], statuses: ClosedRange<Int>)
  }

  /// A key that has a default.
  init(_ path: String, _ type: ValueType, _ defaultText: String, _ help: String) {
    self.init(path, type, defaultText, nil, false, help)
  }

  /// A key that is left out unless it is wanted.
  static func optional(
    _ path: String, _ type: ValueType, example: String, _ help: String
  ) -> Directive {
    Directive(path, type, nil, example, false, help)
  }

  static func required(
    _ path: String, _ type: ValueType, example: String, _ help: String
  ) -> Directive {
    Directive(path, type, nil, example, true, help)
  }

  /// A mapping that may be left out; what is in it has defaults of its own.
  static func section(_ path: String, _ help: String) -> Directive {
    Directive(path, .section, nil, nil, false, help)
  }

  /// A mapping of something that is off unless the key is given.
  static func optionalSection(_ path: String, _ help: String) -> Directive {
    Directive(path, .optionalSection, nil, nil, false, help)
  }

  private init(
    _ path: String, _ type: ValueType, _ defaultText: String?, _ example: String?,
    _ isRequired: Bool, _ help: String
  ) {
    self.path = path
    self.type = type
    self.defaultText = defaultText
    self.example = example
    self.isRequired = isRequired
    self.help = help
  }

  /// The path of what the key is in; empty at the top.
  var parent: String {
    guard let dot = path.lastIndex(of: ".") else { return "" }
    return String(path[..<dot])
  }

  /// The key itself.
  var key: String {
    guard let dot = path.lastIndex(of: ".") else { return path }
    return String(path[path.index(after: dot)...])
  }
}
