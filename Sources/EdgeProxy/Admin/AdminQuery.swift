/// The query of a request of an administrator: `name=value`, with `&` between.
enum AdminQuery {
  /// The values of each name; `nil` for what is not written so.
  static func values(_ query: String) -> [String: [String]]? {
    var values: [String: [String]] = [:]
    for part in query.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, let value = decoded(pair[1]) else { return nil }
      values[String(pair[0]), default: []].append(value)
    }
    return values
  }

  /// Undoes percent-encoding, RFC 3986 §2.1.
  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
