/// Where a redirect leads to: a URL with places for parts of the request.
///
/// `{host}` is the request's host without its port, `{path}` the path as sent, with one `/` in
/// front, `{rest}` what the path has behind a prefix, with one `/` in front, or nothing, `{query}` a `?`
/// and the query, or nothing where there is none. Parts of the request can neither end the field nor,
/// because they never stand at the beginning, name another server than the one that was written.
package struct RedirectTarget: Sendable, Equatable {
  /// A mistake in a text.
  package enum Mistake: Error, Equatable {
    case beginning
    case character
    case unclosed
    case placeholder(String)
  }

  private enum Piece: Sendable, Equatable {
    case text([UInt8])
    case host, path, rest, query
  }

  private var pieces: [Piece] = []

  package static let placeholders = ["host", "path", "rest", "query"]

  /// What is behind the prefix of a path is a part of it.
  package var movesRest: Bool { pieces.contains(.rest) }

  /// One that leads nowhere.
  package init() {}

  package init(_ text: String) throws(Mistake) {
    var literal: [UInt8] = []
    var rest = Substring(text)
    while let character = rest.utf8.first {
      guard character != UInt8(ascii: "}") else { throw .unclosed }
      guard character == UInt8(ascii: "{") else {
        guard ASCII.isTarget(character) || character == UInt8(ascii: "#") else {
          throw .character
        }
        literal.append(character)
        rest = rest.dropFirst()
        continue
      }
      guard let end = rest.firstIndex(of: "}") else { throw .unclosed }
      let name = String(rest[rest.index(after: rest.startIndex)..<end])
      rest = rest[rest.index(after: end)...]
      if !literal.isEmpty { pieces.append(.text(literal)) }
      literal = []
      switch name {
      case "host": pieces.append(.host)
      case "path": pieces.append(.path)
      case "rest": pieces.append(.rest)
      case "query": pieces.append(.query)
      default: throw .placeholder(name)
      }
    }
    if !literal.isEmpty { pieces.append(.text(literal)) }
    guard beginsWell else { throw .beginning }
  }

  /// `https://` and a server that the request's path cannot change, or a path of this server.
  private var beginsWell: Bool {
    guard case .text(let first)? = pieces.first else { return false }
    let text = String(decoding: first, as: UTF8.self)
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) {
      let next: Piece? = pieces.count > 1 ? pieces[1] : nil
      let server = text.dropFirst(scheme.count)
      if server.isEmpty { return next == .host }
      // `https://example.org{host}` would be another server, and `{rest}` may be nothing.
      return !server.hasPrefix("/")
        && (server.contains("/") || next != .host && (next != .rest || endsServer(behind: 1)))
    }
    // `//` would begin a server's name, and browsers read `\` as `/`.
    guard text.hasPrefix("/") else { return false }
    guard let second = text.utf8.dropFirst().first else {
      // No slash comes first in `{rest}` behind one.
      return pieces.count == 1 || pieces[1] == .rest && endsServer(behind: 1)
    }
    return second != UInt8(ascii: "/") && second != UInt8(ascii: "\\")
  }

  /// Whether what follows a piece cannot go on with a server's name or begin one.
  private func endsServer(behind index: Int) -> Bool {
    guard pieces.count > index + 1 else { return true }
    switch pieces[index + 1] {
    case .query: return true
    case .text(let text): return text.first == UInt8(ascii: "?") || text.first == UInt8(ascii: "#")
    case .host, .path, .rest: return false
    }
  }

  /// Writes the URL for a request behind what `output` has; `{rest}` is what the path has behind `prefix`.
  package func write(
    for head: borrowing RequestHead, behind prefix: [UInt8] = [], into output: inout [UInt8]
  ) {
    for piece in pieces {
      switch piece {
      case .text(let text): output += text
      case .host: output += head.host
      case .path: Self.write(path: head.span(head.path), into: &output)
      case .rest:
        if let rest = head.restOfPath(behind: prefix), !rest.isEmpty {
          if output.last == UInt8(ascii: "/") { output.removeLast() }
          Self.write(path: head.span(rest), into: &output)
        }
      case .query:
        guard let query = head.query else { continue }
        output.append(UInt8(ascii: "?"))
        output.append(escapingTarget: head.span(query))
      }
    }
  }

  private static func write(path: borrowing Span<UInt8>, into output: inout [UInt8]) {
    var start = 0
    while start < path.count, path[start] == UInt8(ascii: "/") { start += 1 }
    output.append(UInt8(ascii: "/"))
    // The `*` of OPTIONS is no path.
    if start == 0 { return }
    output.append(escapingTarget: path.extracting(start..<path.count))
  }
}
