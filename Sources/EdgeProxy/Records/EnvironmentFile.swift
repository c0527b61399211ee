/// Variables for a program, in a file of the form of systemd's `EnvironmentFile=`, systemd.exec(5).
///
///     # a comment, as after a semicolon
///     NAME=value with spaces, and \" for a character as it is
///     NAME="a \$ as it is, also over several lines"
///     NAME='everything up to the next quote'
///
/// A line that ends with a backslash goes on in the next one. Of several values of one name the last counts. Lines
/// without `=` are passed over. What systemd would pass over with a complaint is an error here.
struct EnvironmentFile: Equatable {
  let variables: [String: String]

  static let bytesMax = 65_536

  init(_ text: [UInt8]) throws(EnvironmentFileError) {
    guard text.count <= Self.bytesMax else { throw .tooLarge }
    guard String(validating: text, as: UTF8.self) != nil, !text.contains(0) else {
      throw .notText
    }
    var reading = Reading()
    for byte in text { try reading.take(byte) }
    variables = try reading.end()
  }
}

enum EnvironmentFileError: Error, Equatable, CustomStringConvertible {
  case tooLarge
  case notText
  case name(line: Int)
  case openQuote(line: Int)

  var description: String {
    switch self {
    case .tooLarge: "it has more than \(EnvironmentFile.bytesMax) bytes"
    case .notText: "it is not text in UTF-8"
    case .name(let line):
      "line \(line) does not begin with the name of a variable and '='; 'export' has no place there"
    case .openQuote(let line): "the quote that begins in line \(line) has no end"
    }
  }
}

/// Where a reader is, byte by byte.
private struct Reading {
  private enum State {
    /// Nothing but white space in this line.
    case line
    case comment
    case commentEscape
    case name
    /// Behind `=` or a quote.
    case gap
    case value
    case escape
    case single
    case double
    case doubleEscape
  }

  private var state = State.line
  private var number = 1
  /// The line in which the variable, or its quote, begins.
  private var began = 1
  private var name: [UInt8] = []
  private var value: [UInt8] = []
  /// Of the value, without the white space at its end.
  private var solid = 0
  private var variables: [String: String] = [:]

  mutating func take(_ byte: UInt8) throws(EnvironmentFileError) {
    let isEnd = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    let isSpace = isEnd || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    switch state {
    case .line:
      if byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
        state = .comment
      } else if !isSpace {
        (state, began, name) = (.name, number, [])
        try take(byte)
      }
    case .comment:
      if isEnd { state = .line } else if byte == UInt8(ascii: "\\") { state = .commentEscape }
    case .commentEscape: state = .comment
    case .name:
      if isEnd {
        state = .line
      } else if byte == UInt8(ascii: "=") {
        (state, value, solid) = (.gap, [], 0)
      } else {
        name.append(byte)
      }
    case .gap: try gap(byte, isEnd: isEnd, isSpace: isSpace)
    case .value: try plain(byte, isEnd: isEnd, isSpace: isSpace)
    case .escape:
      state = .value
      if !isEnd { append(byte) }
    case .single:
      if byte == UInt8(ascii: "'") { state = .gap } else { append(byte) }
    case .double:
      if byte == UInt8(ascii: "\"") {
        state = .gap
      } else if byte == UInt8(ascii: "\\") {
        state = .doubleEscape
      } else {
        append(byte)
      }
    case .doubleEscape: escaped(byte)
    }
    if byte == UInt8(ascii: "\n") { number += 1 }
  }

  mutating func end() throws(EnvironmentFileError) -> [String: String] {
    switch state {
    case .single, .double, .doubleEscape: throw .openQuote(line: began)
    case .gap, .value, .escape: try keep()
    case .line, .comment, .commentEscape, .name: break
    }
    return variables
  }

  private mutating func gap(
    _ byte: UInt8, isEnd: Bool, isSpace: Bool
  ) throws(EnvironmentFileError) {
    switch byte {
    case UInt8(ascii: "'"): (state, began) = (.single, number)
    case UInt8(ascii: "\""): (state, began) = (.double, number)
    case _ where isSpace && !isEnd: break
    default: try plain(byte, isEnd: isEnd, isSpace: isSpace)
    }
  }

  private mutating func plain(
    _ byte: UInt8, isEnd: Bool, isSpace: Bool
  ) throws(EnvironmentFileError) {
    if isEnd { return try keep() }
    if byte == UInt8(ascii: "\\") {
      state = .escape
      return
    }
    state = .value
    value.append(byte)
    if !isSpace { solid = value.count }
  }

  /// As POSIX has it between double quotes.
  private mutating func escaped(_ byte: UInt8) {
    state = .double
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "`"), UInt8(ascii: "$"):
      append(byte)
    case UInt8(ascii: "\n"): break
    default:
      append(UInt8(ascii: "\\"))
      append(byte)
    }
  }

  private mutating func append(_ byte: UInt8) {
    value.append(byte)
    solid = value.count
  }

  private mutating func keep() throws(EnvironmentFileError) {
    state = .line
    while let last = name.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") {
      name.removeLast()
    }
    guard Self.isName(name) else { throw .name(line: began) }
    variables[String(decoding: name, as: UTF8.self)] = String(
      decoding: value.prefix(solid), as: UTF8.self)
  }

  private static func isName(_ name: [UInt8]) -> Bool {
    let isDigit = { (byte: UInt8) in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard let first = name.first, !isDigit(first) else { return false }
    return name.allSatisfy { byte in
      isDigit(byte) || byte == UInt8(ascii: "_")
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
  }
}
