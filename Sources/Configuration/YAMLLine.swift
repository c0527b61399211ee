/// One line of the file, for words about a mistake in it.
struct Line {
  let text: String

  /// Empty where the text has no such line.
  init(at place: Position, in bytes: [UInt8]) {
    let lines = bytes.split(
      separator: UInt8(ascii: "\n"), maxSplits: max(0, place.line), omittingEmptySubsequences: false
    )
    guard place.line >= 1, place.line <= lines.count else {
      text = ""
      return
    }
    text = String(decoding: lines[place.line - 1].filter { $0 != 0x0D }, as: UTF8.self)
  }

  init(_ text: String) { self.text = text }

  /// Whether it has no more than spaces and a comment.
  var isBlank: Bool {
    let first = text.first { $0 != " " && $0 != "\t" }
    return first == nil || first == "#"
  }

  /// Where the space is missing in `upstream:app`; `nil` where the line is not of that form.
  ///
  /// Only after a key that there is: `unix:/run/app.sock` is a value.
  var columnOfMissingSpace: Int? {
    let marks = text.prefix { $0 == " " || $0 == "-" }
    let rest = text.dropFirst(marks.count)
    guard let colon = rest.firstIndex(of: ":") else { return nil }
    let key = rest[..<colon]
    let after = rest[rest.index(after: colon)...]
    guard let next = after.first, next != " ", !after.hasPrefix("//"),
      Directives.isKey(String(key))
    else { return nil }
    return marks.count + key.count + 2
  }

  /// Where its text begins behind the `- ` of lists.
  var keyColumn: Int { text.prefix { $0 == " " || $0 == "-" }.count + 1 }

  /// Whether it is a key with a value on the same line.
  var hasValue: Bool {
    guard let colon = text.firstRange(of: ": ") else { return false }
    return text[colon.upperBound...].contains { $0 != " " }
  }

  /// Whether what stands at a place follows a quotation mark, with or without spaces between.
  func isAfterQuotation(_ place: Position) -> Bool {
    let last = text.prefix(place.column - 1).last { $0 != " " }
    return last == "\"" || last == "'"
  }

  /// What stands at a place, up to a space or a mark of `[ ]` and `{ }`.
  func token(at place: Position) -> String {
    String(text.dropFirst(place.column - 1).prefix { !" ,]}\t".contains($0) })
  }
}

/// Characters that look like those of YAML and are others; word processors and web pages put them in.
enum LookAlike {
  private static let marks: [(scalars: ClosedRange<UInt32>, name: String)] = [
    (0x2018...0x201F, "a typographic quotation mark; write \" or '"),
    (0x00AB...0x00AB, "a typographic quotation mark; write \" or '"),
    (0x00BB...0x00BB, "a typographic quotation mark; write \" or '"),
    (0x00A0...0x00A0, "a no-break space; type the space again"),
    (0x2000...0x200D, "an invisible space; type the space again"),
    (0x202F...0x202F, "a no-break space; type the space again"),
    (0x3000...0x3000, "a wide space; type the space again"),
    (0xFF1A...0xFF1A, "a wide colon; write ':'"),
    (0x2010...0x2015, "a typographic dash; write '-'"),
  ]

  /// As in `U+00A0 is a no-break space; type the space again`.
  static func hint(in text: String) -> String? {
    for scalar in text.unicodeScalars where scalar.value > 0x7F {
      guard let found = marks.first(where: { $0.scalars.contains(scalar.value) }) else { continue }
      let digits = String(scalar.value, radix: 16, uppercase: true)
      return "U+\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits) is"
        + " \(found.name)"
    }
    return nil
  }
}
