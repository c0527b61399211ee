/// Reads files of Apache into directives; what `Include` names stands in its place, and `<IfModule>` is gone.
///
/// Modules count as loaded: a site that needs one would not start without it.
struct ApacheReader {
  /// What `Define` and the environment say, as Debian's `/etc/apache2/envvars` sets it at first.
  final class Variables {
    var values = [
      "APACHE_LOG_DIR": "/var/log/apache2", "APACHE_RUN_DIR": "/var/run/apache2",
      "APACHE_LOCK_DIR": "/var/lock/apache2", "APACHE_RUN_USER": "www-data",
      "APACHE_RUN_GROUP": "www-data", "APACHE_PID_FILE": "/var/run/apache2/apache2.pid",
    ]

    /// No line of Apache's is longer.
    private static let lineBytesMax = 8192

    /// Replaces each `${NAME}` that is known; once, so that a value that names itself ends.
    func expanded(_ line: String) -> String {
      guard line.contains("${") else { return line }
      var rest = Substring(line)
      var text = ""
      while let start = rest.firstRange(of: "${"),
        let end = rest[start.upperBound...].firstIndex(of: "}")
      {
        text += rest[..<start.lowerBound]
        let name = String(rest[start.upperBound..<end])
        text += values[name] ?? "${\(name)}"
        rest = rest[rest.index(after: end)...]
        if text.utf8.count > Self.lineBytesMax { return text }
      }
      return text + rest
    }
  }

  private struct Open {
    var name: String
    var written: String
    var arguments: [String]
    var place: Place
    var block: [Statement] = []
    /// How what it holds counts: as a block, as if it stood outside, or not at all.
    var kind: Kind

    enum Kind { case block, transparent, left }
  }

  private let files: SourceFiles
  private let variables: Variables
  private let path: String
  private var open: [Open] = []
  private var found: [Statement] = []

  static func read(
    _ path: String, from place: Place, _ files: SourceFiles, _ variables: Variables
  ) -> [Statement] {
    files.read(path, from: place) { bytes in
      var reader = ApacheReader(files: files, variables: variables, path: path)
      return reader.statements(bytes)
    }
  }

  private init(files: SourceFiles, variables: Variables, path: String) {
    self.files = files
    self.variables = variables
    self.path = path
  }

  private mutating func statements(_ bytes: [UInt8]) -> [Statement] {
    let lines = String(decoding: bytes, as: UTF8.self).unicodeScalars
      .split(separator: "\n", omittingEmptySubsequences: false)
    var number = 0
    while number < lines.count {
      let first = number
      var text = String(String.UnicodeScalarView(lines[number]))
      number += 1
      if text.hasSuffix("\r") { text.unicodeScalars.removeLast() }
      // A `\` at its end joins a line with the next; in comments too.
      while text.hasSuffix("\\"), number < lines.count {
        text.removeLast()
        text += String(String.UnicodeScalarView(lines[number]))
        if text.hasSuffix("\r") { text.unicodeScalars.removeLast() }
        number += 1
      }
      let blanks = text.prefix { $0 == " " || $0 == "\t" }.count
      let trimmed = text.dropFirst(blanks)
      guard let mark = trimmed.first, mark != "#" else { continue }
      take(String(trimmed), Place(file: path, line: first + 1, column: blanks + 1))
    }
    while let last = open.last {
      files.complain(last.place, "<\(last.name)> is never closed by </\(last.name)>")
      close()
    }
    return found
  }

  private mutating func take(_ line: String, _ place: Place) {
    if line.hasPrefix("</") {
      let name = line.dropFirst(2).prefix { $0 != ">" && $0 != " " }.lowercased()
      guard open.last?.name == name else {
        files.complain(place, "</\(name)> closes nothing that is open here")
        return
      }
      return close()
    }
    if open.contains(where: { $0.kind == .left }) {
      // Only its end is looked for, and the ends of what it holds.
      if line.hasPrefix("<") { begin(line, place, isRead: false) }
      return
    }
    guard files.count(place) else { return }
    if line.hasPrefix("<") { return begin(line, place, isRead: true) }
    let expanded = variables.expanded(line)
    guard expanded.utf8.count == line.utf8.count || files.count(expanded, place) else { return }
    var words = ApacheWords.split(expanded)
    guard !words.isEmpty else { return }
    let written = words.removeFirst()
    let name = written.lowercased()
    switch name {
    case "define":
      if let variable = words.first, variables.values.count < SourceFiles.filesMax {
        variables.values[variable] = words.count > 1 ? words[1] : ""
      }
    case "undefine": variables.values[words.first ?? ""] = nil
    case "serverroot": if let root = words.first, root.hasPrefix("/") { files.root = root }
    case "include", "includeoptional": include(words.first ?? "", name, place)
    default: put(Statement(name: name, arguments: words, place: place, written: written))
    }
  }

  private mutating func include(_ pattern: String, _ name: String, _ place: Place) {
    let last = pattern.split(separator: "/").last ?? ""
    // certbot's, which chooses ciphers.
    guard !pattern.isEmpty, last != "options-ssl-apache.conf" else { return }
    for match in files.matches(files.absolute(pattern)) {
      if name == "includeoptional", !files.source.isThere(match) { continue }
      for statement in Self.read(match, from: place, files, variables) { put(statement) }
    }
  }

  private mutating func begin(_ line: String, _ place: Place, isRead: Bool) {
    var text = String(line.dropFirst())
    if let end = text.lastIndex(of: ">") { text = String(text[..<end]) }
    var words = ApacheWords.split(isRead ? variables.expanded(text) : text)
    guard !words.isEmpty else { return files.complain(place, "'<' begins no section") }
    let written = words.removeFirst()
    let name = written.lowercased()
    guard open.count < SourceFiles.nestingMax else {
      return files.complain(place, "sections are nested more than \(SourceFiles.nestingMax) deep")
    }
    let condition = words.first ?? ""
    let isNegated = condition.hasPrefix("!")
    let kind: Open.Kind =
      switch name {
      case "ifmodule", "ifversion": isNegated ? .left : .transparent
      case "ifdefine":
        (variables.values[String(condition.drop { $0 == "!" })] != nil) != isNegated
          ? .transparent : .left
      default: .block
      }
    open.append(
      Open(
        name: name, written: written, arguments: words, place: place, kind: isRead ? kind : .left))
  }

  private mutating func close() {
    guard let last = open.popLast() else { return }
    switch last.kind {
    case .left: break
    case .transparent: for statement in last.block { put(statement) }
    case .block:
      put(
        Statement(
          name: "<\(last.name)>", arguments: last.arguments, block: last.block, place: last.place,
          written: "<\(last.written)"))
    }
  }

  private mutating func put(_ statement: Statement) {
    if open.isEmpty {
      found.append(statement)
    } else {
      open[open.count - 1].block.append(statement)
    }
  }
}

/// The words of a line of Apache's, as `ap_getword_conf` takes them.
enum ApacheWords {
  static func split(_ line: String) -> [String] {
    var words: [String] = []
    var rest = Array(line.unicodeScalars)[...]
    while true {
      rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
      guard let mark = rest.first else { return words }
      var word = String.UnicodeScalarView()
      if mark == "\"" || mark == "'" {
        rest = rest.dropFirst()
        while let next = rest.popFirst(), next != mark {
          if next == "\\", let escaped = rest.first, escaped == mark || escaped == "\\" {
            word.append(escaped)
            rest = rest.dropFirst()
          } else {
            word.append(next)
          }
        }
      } else {
        while let next = rest.first, next != " ", next != "\t", next != "\r" {
          word.append(next)
          rest = rest.dropFirst()
        }
      }
      words.append(String(word))
    }
  }
}
