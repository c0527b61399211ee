/// Reads files of nginx into directives; what `include` names stands in its place.
///
/// Words as `ngx_conf_read_token` takes them: separated by spaces, ended by `;` `{` and `}`, in
/// quotation marks where they have such characters.
struct NginxReader {
  private enum Token {
    case word(String)
    case end
    case open
    case close
  }

  private let files: SourceFiles
  private let path: String
  private let bytes: [UInt8]
  private var index = 0
  private var line = 1
  private var lineStart = 0
  private var depth: Int

  private init(_ files: SourceFiles, _ path: String, _ bytes: [UInt8], depth: Int) {
    self.files = files
    self.path = path
    self.bytes = bytes
    self.depth = depth
  }

  /// The directives of a file; what is wrong in it is in `files`.
  static func read(_ path: String, from place: Place, _ files: SourceFiles) -> [Statement] {
    read(path, from: place, files, depth: 0)
  }

  private static func read(
    _ path: String, from place: Place, _ files: SourceFiles, depth: Int
  ) -> [Statement] {
    files.read(path, from: place) { bytes in
      var reader = NginxReader(files, path, bytes, depth: depth)
      return reader.statements(isBlock: false, openedAt: place)
    }
  }

  private var place: Place { Place(file: path, line: line, column: index - lineStart + 1) }

  private mutating func statements(isBlock: Bool, openedAt opening: Place) -> [Statement] {
    var found: [Statement] = []
    var words: [String] = []
    var start = place
    while true {
      skipBlanks()
      if words.isEmpty { start = place }
      guard let token = next() else {
        if !words.isEmpty { files.complain(start, "no ';' ends '\(words[0])'") }
        if isBlock { files.complain(opening, "'{' is never closed by '}'") }
        return found
      }
      switch token {
      case .word(let word): words.append(word)
      case .end:
        if let name = words.first, files.count(start) {
          found += statement(name, Array(words.dropFirst()), start)
        }
        words = []
      case .open:
        let block = block(words.first ?? "", start)
        if let name = words.first, files.count(start) {
          found.append(
            Statement(name: name, arguments: Array(words.dropFirst()), block: block, place: start))
        }
        words = []
      case .close:
        if !words.isEmpty { files.complain(start, "no ';' ends '\(words[0])'") }
        if isBlock { return found }
        files.complain(start, "'}' closes nothing")
        words = []
      }
    }
  }

  /// What stands between the `{` that was read and its `}`.
  private mutating func block(_ name: String, _ start: Place) -> [Statement] {
    if name.hasSuffix("_by_lua_block") {
      skipProgram()
      return []
    }
    guard depth < SourceFiles.nestingMax else {
      files.complain(start, "blocks are nested more than \(SourceFiles.nestingMax) deep")
      index = bytes.count
      return []
    }
    depth += 1
    defer { depth -= 1 }
    return statements(isBlock: true, openedAt: start)
  }

  /// Over a program of Lua, whose own braces are balanced.
  private mutating func skipProgram() {
    var open = 1
    while index < bytes.count, open > 0 {
      if bytes[index] == UInt8(ascii: "{") { open += 1 }
      if bytes[index] == UInt8(ascii: "}") { open -= 1 }
      advance()
    }
  }

  /// Files that Debian and nginx ship, whose lines are what this server does by itself.
  private static let shipped: Set<String> = [
    "uwsgi_params", "fastcgi_params", "fastcgi.conf", "scgi_params", "proxy_params", "mime.types",
    "fastcgi-php.conf", "options-ssl-nginx.conf", "letsencrypt.conf",
  ]

  private func statement(_ name: String, _ words: [String], _ start: Place) -> [Statement] {
    guard name == "include", let pattern = words.first else {
      return [Statement(name: name, arguments: words, block: nil, place: start)]
    }
    let last = pattern.split(separator: "/").last.map(String.init) ?? ""
    if Self.shipped.contains(last) { return [] }
    return files.matches(files.absolute(pattern)).flatMap {
      Self.read($0, from: start, files, depth: depth)
    }
  }

  // MARK: Words

  private mutating func advance() {
    if bytes[index] == UInt8(ascii: "\n") {
      line += 1
      lineStart = index + 1
    }
    index += 1
  }

  private mutating func skipBlanks() {
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "#") {
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
      } else if Self.isBlank(bytes[index]) {
        advance()
      } else {
        return
      }
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
  }

  private mutating func next() -> Token? {
    guard index < bytes.count else { return nil }
    switch bytes[index] {
    case UInt8(ascii: ";"):
      index += 1
      return .end
    case UInt8(ascii: "{"):
      index += 1
      return .open
    case UInt8(ascii: "}"):
      index += 1
      return .close
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .word(quoted())
    default: return .word(bare())
    }
  }

  private mutating func bare() -> String {
    var word: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      if Self.isBlank(byte) || byte == UInt8(ascii: ";") { break }
      // `${name}` is the one brace that does not begin a block.
      if byte == UInt8(ascii: "{"), word.last != UInt8(ascii: "$") { break }
      take(into: &word)
    }
    return String(decoding: word, as: UTF8.self)
  }

  private mutating func quoted() -> String {
    let (mark, start) = (bytes[index], place)
    var word: [UInt8] = []
    index += 1
    while index < bytes.count, bytes[index] != mark {
      take(into: &word)
    }
    if index == bytes.count {
      files.complain(start, "the quotation mark opened here is never closed")
    } else {
      index += 1
    }
    return String(decoding: word, as: UTF8.self)
  }

  /// One character, or two that begin with `\`: a quotation mark, another `\`, a line end or a tab.
  ///
  /// Regular expressions keep their own.
  private mutating func take(into word: inout [UInt8]) {
    if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
      let escaped: [UInt8: UInt8] = [
        UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "'"): UInt8(ascii: "'"),
        UInt8(ascii: "\\"): UInt8(ascii: "\\"), UInt8(ascii: "n"): 0x0A, UInt8(ascii: "t"): 0x09,
        UInt8(ascii: "r"): 0x0D,
      ]
      let next = bytes[index + 1]
      word.append(escaped[next] ?? bytes[index])
      advance()
      if escaped[next] == nil { word.append(next) }
    } else {
      word.append(bytes[index])
    }
    advance()
  }
}
