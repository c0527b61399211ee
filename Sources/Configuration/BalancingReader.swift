/// Reads what binds requests to one node of an upstream.
struct BalancingReader {
  let context: ReadingContext
  let section: Section

  private static let expected = "address, header:NAME or cookie:NAME"

  func affinity(_ balance: UpstreamSettings.Balance) -> AffinitySource {
    guard section.isGiven("hash_on") else { return .address }
    guard let (text, position) = section.text("hash_on") else { return .address }
    if text == "address" { return .address }
    if balance != .hash, context.isComplete {
      context.findings.error(position, "'hash_on' needs 'balance: hash'")
    }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, FieldText.isName(String(parts[1])) || parts[0] == "cookie" {
      let name = String(parts[1])
      if parts[0] == "header" { return .header(Array(name.lowercased().utf8)) }
      if parts[0] == "cookie", isCookieName(name) { return .cookie(Array(name.utf8)) }
    }
    context.findings.error(
      position, "'hash_on' must be \(Self.expected), found '\(Found.shortened(text))'")
    return .address
  }

  /// The name of the cookie; empty for none.
  func sticky() -> [UInt8] {
    guard let (name, position) = section.text("sticky") else { return [] }
    guard isCookieName(name) else {
      context.findings.error(
        position, "'sticky' must be the name of a cookie, found '\(Found.shortened(name))'")
      return []
    }
    return Array(name.utf8)
  }

  /// A token, RFC 6265 §4.1.1; names that begin with `__` promise browsers more than is kept.
  private func isCookieName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 64 && name.utf8.allSatisfy { FieldText.isTokenByte($0) }
      && !name.hasPrefix("__")
  }
}
