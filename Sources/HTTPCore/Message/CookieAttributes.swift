/// Attributes that cookies get where the application left them out, RFC 6265bis §4.1.2.
package struct CookieAttributes: Sendable, Equatable {
  package enum SameSite: String, Sendable, CaseIterable {
    case strict = "Strict"
    case lax = "Lax"
    case none = "None"
  }

  package var httpOnly = false
  package var secure = false
  package var sameSite: SameSite?

  package init() {}

  package var isEmpty: Bool { !httpOnly && !secure && sameSite == nil }

  /// Appends to `output` what a `Set-Cookie` value lacks, each with `; ` in front.
  ///
  /// The value is read as browsers read it (§5.6): it is cut at every `;`, quotation marks or not,
  /// and the first piece is the cookie itself. Names have no case. An attribute that is there
  /// counts whatever its value is, so that an application's own SameSite stays.
  package func appendMissing(to value: borrowing Span<UInt8>, into output: inout [UInt8]) {
    var missing = self
    var start = Self.end(of: value, from: 0) + 1
    while start < value.count {
      let end = Self.end(of: value, from: start)
      missing.strike(Self.name(value.extracting(start..<end)))
      start = end + 1
    }
    if missing.httpOnly { output.append("; HttpOnly") }
    if missing.secure { output.append("; Secure") }
    switch missing.sameSite {
    case .strict: output.append("; SameSite=Strict")
    case .lax: output.append("; SameSite=Lax")
    case .some(.none): output.append("; SameSite=None")
    case nil: break
    }
  }

  private mutating func strike(_ name: borrowing Span<UInt8>) {
    if ASCII.equals(name, "httponly") { httpOnly = false }
    if ASCII.equals(name, "secure") { secure = false }
    if ASCII.equals(name, "samesite") { sameSite = nil }
  }

  private static func end(of value: borrowing Span<UInt8>, from start: Int) -> Int {
    var index = start
    while index < value.count, value[index] != UInt8(ascii: ";") { index += 1 }
    return index
  }

  /// What stands before `=`, without the white space around it.
  @_lifetime(copy attribute)
  private static func name(_ attribute: Span<UInt8>) -> Span<UInt8> {
    var start = 0
    var end = 0
    while end < attribute.count, attribute[end] != UInt8(ascii: "=") { end += 1 }
    while start < end, ASCII.isBlank(attribute[start]) { start += 1 }
    while end > start, ASCII.isBlank(attribute[end - 1]) { end -= 1 }
    return attribute.extracting(start..<end)
  }
}
