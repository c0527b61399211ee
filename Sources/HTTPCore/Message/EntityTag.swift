/// Compares entity tags, RFC 9110 §8.8.3.
package enum EntityTag {
  /// Whether a list of tags has `tag`, or is `*`.
  ///
  /// With `weakly`, `W/"x"` and `"x"` are the same (§8.8.3.2). `tag` is a strong one of ours, in its
  /// quotation marks. A tag may have commas within its marks. What is malformed ends the list.
  package static func list(
    _ value: borrowing Span<UInt8>, has tag: borrowing Span<UInt8>, weakly: Bool
  ) -> Bool {
    if value.count == 1, value[0] == UInt8(ascii: "*") { return true }
    var index = 0
    while index < value.count {
      let byte = value[index]
      if ASCII.isBlank(byte) || byte == UInt8(ascii: ",") {
        index += 1
        continue
      }
      var start = index
      let isWeak = byte == UInt8(ascii: "W")
      if isWeak {
        guard index + 1 < value.count, value[index + 1] == UInt8(ascii: "/") else { return false }
        start += 2
      }
      guard let end = self.end(value, from: start) else { return false }
      if weakly || !isWeak, same(value.extracting(start..<end), tag) { return true }
      index = end
    }
    return false
  }

  /// Where the opaque tag that begins at `start` ends, behind its second quotation mark.
  private static func end(_ value: borrowing Span<UInt8>, from start: Int) -> Int? {
    let mark = UInt8(ascii: "\"")
    guard start < value.count, value[start] == mark else { return nil }
    var index = start + 1
    while index < value.count {
      if value[index] == mark { return index + 1 }
      index += 1
    }
    return nil
  }

  static func same(_ left: borrowing Span<UInt8>, _ right: borrowing Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }
}
