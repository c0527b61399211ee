internal import HTTPCore

/// Reads what is compressed.
struct CompressReader {
  let context: ReadingContext

  func read(_ section: Section) -> CompressSettings {
    CompressSettings(
      mode: CompressSettings.Mode(rawValue: section.word("default")) ?? .off,
      rules: CompressionRules(
        types: types(section), bodyBytesMin: section.size("minimum"), codings: codings(section)),
      levels: CompressionLevels(
        gzip: section.number("level"), brotli: section.number("level_br"),
        zstd: section.number("level_zstd")))
  }

  private func codings(_ section: Section) -> [ContentCoding] {
    let words = Coding.words
    var found: [ContentCoding] = []
    let texts = section.texts("encodings", Found.alternatives(words))
    for (word, position) in texts {
      guard let coding = Coding.named[word] else {
        context.findings.error(
          position,
          "'encodings' must be a list of \(Found.alternatives(words)), found"
            + " '\(Found.shortened(word))'\(Coding.hint(word))")
        continue
      }
      if found.contains(coding) {
        context.findings.error(position, "'encodings' has '\(word)' twice")
      }
      found.append(coding)
    }
    if texts.isEmpty, section.isGiven("encodings"), context.findings.errorCount == 0 {
      context.findings.error(
        section.position(of: "encodings"),
        "'encodings' must name one at least; 'default: off' compresses nothing")
    }
    return found
  }

  private static let expected = "a media type such as text/html or text/*"

  private func types(_ section: Section) -> [[UInt8]] {
    let (row, value) = section.take("types")
    guard let value else {
      let words = (row.defaultText ?? "").split { "[], ".contains($0) }
      return words.map { Array($0.utf8) }
    }
    guard case .list(let items) = value.content else {
      context.wrong(value, "types", "a list of media types such as [text/html, text/css]")
      return []
    }
    return items.compactMap { item in
      guard let text = context.text(item, "types", Self.expected) else { return nil }
      let type = text.lowercased()
      guard Self.isType(type) else {
        context.wrong(item, "types", Self.expected)
        return nil
      }
      return Array(type.utf8)
    }
  }

  /// `token/token` or `token/*`; RFC 9110 §8.3.1.
  private static func isType(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = parts.first, let subtype = parts.last else { return false }
    let isToken = { (part: Substring) in
      !part.isEmpty && part.utf8.allSatisfy { ASCII.isToken($0) && $0 != UInt8(ascii: "*") }
    }
    return isToken(kind) && (subtype == "*" || isToken(subtype))
  }
}
