internal import CertStore
internal import EventLoop

/// What a unit of systemd says about who its service is and what of the machine it sees.
package struct ServiceUnit: Sendable, Equatable {
  /// `nil` for root.
  package var user: String?
  package var group: String?
  package var supplementaryGroups: [String] = []
  /// Of `Environment=` and of the files of `EnvironmentFile=` that could be read.
  package var environment: [String: String] = [:]
  /// `PrivateTmp`, `ProtectHome` and `ProtectSystem`, as they are written.
  var privateTemporary = "no"
  var protectHome = "no"
  var protectSystem = "no"
  var inaccessible: [String] = []
  var readOnly: [String] = []
  var writable: [String] = []
  /// Destinations of bind mounts, which are seen whatever hides what is around them.
  var bound: [String] = []
  /// Directories that systemd makes for the service: they are its own, and writable.
  var managed: [String] = []
  package var capabilities: [String] = []

  package init() {}

  /// The sandbox of the unit that is shipped, for a machine on which none is installed.
  package static let shipped: ServiceUnit = {
    var unit = ServiceUnit()
    unit.user = "edgeproxy"
    unit.group = "edgeproxy"
    unit.supplementaryGroups = ["www-data"]
    unit.privateTemporary = "true"
    unit.protectHome = "true"
    unit.protectSystem = "strict"
    unit.managed = [
      "/var/lib/edgeproxy", "/run/edgeproxy", "/var/log/edgeproxy", "/etc/edgeproxy",
    ]
    unit.capabilities = ["CAP_NET_BIND_SERVICE"]
    return unit
  }()

  // MARK: Reading

  private static let folders = [
    "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system",
  ]
  private static let bytesMax = 1 << 18

  /// The unit of this name as systemd reads it, with what was added to it; `nil` where there is none.
  package static func installed(_ name: String = "edgeproxy.service") -> ServiceUnit? {
    guard let main = folders.lazy.compactMap({ text("\($0)/\(name)") }).first else { return nil }
    var additions: [String: String] = [:]
    // A file in an earlier folder takes the place of one of the same name in a later one.
    for folder in folders.reversed() {
      let directory = "\(folder)/\(name).d"
      for file in (try? CertificateDirectory.list(directory)) ?? [] where file.hasSuffix(".conf") {
        additions[file] = text("\(directory)/\(file)")
      }
    }
    let ordered = additions.sorted { $0.key < $1.key }.map(\.value)
    return ServiceUnit(texts: [main] + ordered) { text($0) }
  }

  private static func text(_ path: String) -> String? {
    (try? WholeFile.read(path, bytesMax: bytesMax)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Reads the text of a unit and what is added to it; `file` gives the text of an `EnvironmentFile`.
  package init(texts: [String], file: (String) -> String? = { _ in nil }) {
    self.init()
    for text in texts {
      var section = ""
      let joined = text.replacing("\\\n", with: " ")
      for raw in joined.split(whereSeparator: \.isNewline) {
        let line = raw.trimmingSpaces
        if line.hasPrefix("#") || line.hasPrefix(";") { continue }
        if line.hasPrefix("[") {
          section = line
        } else if section == "[Service]", let equals = line.firstIndex(of: "=") {
          let value = String(line[line.index(after: equals)...]).trimmingSpaces
          take(String(line[..<equals]).trimmingSpaces, value, file)
        }
      }
    }
  }

  private mutating func take(_ key: String, _ value: String, _ file: (String) -> String?) {
    let words = value.split(separator: " ").map(String.init)
    switch key {
    case "User": user = value.isEmpty || value == "root" || value == "0" ? nil : value
    case "Group": group = value.isEmpty ? nil : value
    case "SupplementaryGroups": Self.add(words, to: &supplementaryGroups)
    case "PrivateTmp": privateTemporary = value
    case "ProtectHome": protectHome = value
    case "ProtectSystem": protectSystem = value
    case "InaccessiblePaths", "InaccessibleDirectories", "TemporaryFileSystem":
      Self.add(Self.paths(words), to: &inaccessible)
    case "ReadOnlyPaths", "ReadOnlyDirectories": Self.add(Self.paths(words), to: &readOnly)
    case "ReadWritePaths", "ReadWriteDirectories": Self.add(Self.paths(words), to: &writable)
    case "BindPaths": Self.add(Self.destinations(words), to: &bound)
    case "BindReadOnlyPaths": Self.add(Self.destinations(words), to: &bound)
    case "StateDirectory": managed += words.map { "/var/lib/" + Self.name($0) }
    case "CacheDirectory": managed += words.map { "/var/cache/" + Self.name($0) }
    case "LogsDirectory": managed += words.map { "/var/log/" + Self.name($0) }
    case "RuntimeDirectory": managed += words.map { "/run/" + Self.name($0) }
    case "ConfigurationDirectory": managed += words.map { "/etc/" + Self.name($0) }
    case "AmbientCapabilities": Self.add(words, to: &capabilities)
    case "Environment":
      if value.isEmpty { environment = [:] }
      for assignment in Self.quoted(value) { set(assignment) }
    case "EnvironmentFile":
      let path = value.hasPrefix("-") ? String(value.dropFirst()) : value
      for line in (file(path) ?? "").split(whereSeparator: \.isNewline) {
        let assignment = line.trimmingSpaces
        if !assignment.hasPrefix("#"), !assignment.hasPrefix(";") {
          if let first = Self.quoted(assignment).first { set(first) }
        }
      }
    default: break
    }
  }

  /// Nothing at all takes back what was said before.
  private static func add(_ words: [String], to list: inout [String]) {
    if words.isEmpty { list = [] } else { list += words }
  }

  /// Without the marks that say "where it exists" and "from the root".
  private static func paths(_ words: [String]) -> [String] {
    words.map { String($0.drop { "-+".contains($0) }.prefix { $0 != ":" }) }
  }

  private static func destinations(_ words: [String]) -> [String] {
    words.compactMap { word in
      let parts = word.split(separator: ":").map(String.init)
      let place = parts.count > 1 ? parts[1] : parts.first
      return place.map { String($0.drop { $0 == "-" }) }
    }
  }

  /// `edgeproxy:link` makes a link besides.
  private static func name(_ word: String) -> String { String(word.prefix { $0 != ":" }) }

  private mutating func set(_ assignment: String) {
    guard let equals = assignment.firstIndex(of: "=") else { return }
    environment[String(assignment[..<equals])] = String(
      assignment[assignment.index(after: equals)...])
  }

  /// Words, where quotation marks hold spaces together.
  private static func quoted(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var mark: Character?
    for character in text {
      if character == mark {
        mark = nil
      } else if mark == nil, character == "\"" || character == "'" {
        mark = character
      } else if mark == nil, character == " " {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(character)
      }
    }
    return word.isEmpty ? words : words + [word]
  }
}

extension StringProtocol {
  fileprivate var trimmingSpaces: String {
    var text = self[...].drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
    return String(text)
  }
}
