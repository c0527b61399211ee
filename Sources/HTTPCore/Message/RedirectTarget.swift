/// Where a redirect leads to: a URL with places for parts of the request.
///
/// `{host}` is the request's host without its port, `{path}` the path as sent, with one `/` in
/// front, `{query}` a `?` and the query, or nothing where there is none. Parts of the request can
/// neither end the field nor, because they never stand at the beginning, name another server than
/// the one that was written.
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
    case host, path, query
  }

  private var pieces: [Piece] = []

  package static let placeholders = ["host", "path", "query"]

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
      // `https://example.org{host}` would be another server.
      return !server.hasPrefix("/") && (server.contains("/") || next != .host)
    }
    // `//` would begin a server's name, and browsers read `\` as `/`.
    guard text.hasPrefix("/") else { return false }
    guard let second = text.utf8.dropFirst().first else { return pieces.count == 1 }
    return second != UInt8(ascii: "/") && second != UInt8(ascii: "\\")
  }

  /// Writes the URL for a request behind what `output` has.
  package func write(for head: borrowing RequestHead, into output: inout [UInt8]) {
    for piece in pieces {
      switch piece {
      case .text(let text): output += text
      case .host: output += head.host
      case .path: Self.write(path: head.span(head.path), into: &output)
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
