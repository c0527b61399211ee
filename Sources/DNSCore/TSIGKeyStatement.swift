/// `key "NAME" { algorithm WORD; secret "BASE64"; };` in a file of BIND, whose other statements are
/// passed over.
struct TSIGKeyStatement: Equatable {
  var name: String
  var algorithm = ""
  var secret = ""
  /// Where it begins.
  let line: Int

  private struct Token {
    let text: String
    let line: Int
    /// In quotes, so that it is never a mark.
    let isQuoted: Bool

    func isMark(_ mark: String) -> Bool { !isQuoted && text == mark }
  }

  /// All `key` statements, in order.
  static func read(_ text: [UInt8]) throws(TSIGKeyError) -> [TSIGKeyStatement] {
    var tokens = try tokens(text)[...]
    var statements: [TSIGKeyStatement] = []
    while let token = tokens.popFirst() {
      if token.isMark("key"), let name = tokens.first, tokens.dropFirst().first?.isMark("{") == true
      {
        tokens = tokens.dropFirst(2)
        statements.append(try statement(name.text, line: token.line, &tokens))
      } else {
        try pass(token, &tokens)
      }
    }
    return statements
  }

  /// Reads up to the `}` and the `;` behind it.
  private static func statement(
    _ name: String, line: Int, _ tokens: inout ArraySlice<Token>
  ) throws(TSIGKeyError) -> TSIGKeyStatement {
    var statement = TSIGKeyStatement(name: name, line: line)
    while let word = tokens.popFirst() {
      if word.isMark("}") {
        guard !statement.algorithm.isEmpty, !statement.secret.isEmpty,
          tokens.popFirst()?.isMark(";") == true
        else { throw .malformed(line: word.line) }
        return statement
      }
      guard let value = tokens.popFirst(), tokens.popFirst()?.isMark(";") == true else {
        throw .malformed(line: word.line)
      }
      switch word.text {
      case "algorithm": statement.algorithm = value.text
      case "secret": statement.secret = value.text
      default: throw .malformed(line: word.line)
      }
    }
    throw .malformed(line: line)
  }

  /// Passes over a statement that is not one of a key, such as `zone` and `server`.
  private static func pass(
    _ first: Token, _ tokens: inout ArraySlice<Token>
  ) throws(TSIGKeyError) {
    var depth = 0
    var token = first
    while true {
      if token.isMark("{") { depth += 1 }
      if token.isMark("}") { depth -= 1 }
      if token.isMark(";"), depth <= 0 { return }
      guard let next = tokens.popFirst() else { throw .malformed(line: first.line) }
      token = next
    }
  }

  /// Words, texts in quotes, and the marks `{`, `}` and `;`; comments are left out.
  private static func tokens(_ text: [UInt8]) throws(TSIGKeyError) -> [Token] {
    var tokens: [Token] = []
    var word: [UInt8] = []
    var line = 1
    var rest = text[...]
    func end() {
      guard !word.isEmpty else { return }
      tokens.append(Token(text: String(decoding: word, as: UTF8.self), line: line, isQuoted: false))
      word = []
    }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\n"):
        end()
        line += 1
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): end()
      case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: ";"):
        end()
        word = [byte]
        end()
      case UInt8(ascii: "#"):
        end()
        rest = rest.drop { $0 != UInt8(ascii: "\n") }
      case UInt8(ascii: "/") where word.isEmpty && rest.first == UInt8(ascii: "/"):
        rest = rest.drop { $0 != UInt8(ascii: "\n") }
      case UInt8(ascii: "/") where word.isEmpty && rest.first == UInt8(ascii: "*"):
        line += try passComment(&rest, line)
      case UInt8(ascii: "\""):
        end()
        let quoted = rest.prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\n") }
        rest = rest.dropFirst(quoted.count)
        guard rest.popFirst() == UInt8(ascii: "\"") else { throw .malformed(line: line) }
        tokens.append(
          Token(text: String(decoding: quoted, as: UTF8.self), line: line, isQuoted: true))
      default: word.append(byte)
      }
    }
    end()
    return tokens
  }

  /// Passes over the rest of a comment up to `*/`, and returns how many lines end in it.
  private static func passComment(
    _ rest: inout ArraySlice<UInt8>, _ line: Int
  ) throws(TSIGKeyError) -> Int {
    rest = rest.dropFirst()
    var lines = 0
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\n") { lines += 1 }
      if byte == UInt8(ascii: "*"), rest.first == UInt8(ascii: "/") {
        rest = rest.dropFirst()
        return lines
      }
    }
    throw .malformed(line: line)
  }
}
