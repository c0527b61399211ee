/// A regular expression about a path that says no more than how it begins, or what it is.
struct PathPattern: Equatable {
  enum Tail: Equatable {
    /// Whatever follows.
    case anything
    /// The group `$1` has what follows the prefix.
    case captured
    /// Nothing follows, or one `/`.
    case nothing
  }

  /// As written, without marks of regular expressions; empty for every path.
  var prefix: String
  var tail: Tail

  var coversEverything: Bool { prefix.isEmpty || prefix == "/" }

  init(prefix: String, tail: Tail) {
    self.prefix = prefix
    self.tail = tail
  }

  /// `nil` for one that says more.
  init?(_ expression: String) {
    var rest = Substring(expression)
    if rest.isEmpty || [".*", "(.*)", "^", "^/?", "^/?(.*)"].contains(rest) || rest == "." {
      self.init(prefix: "", tail: rest.contains("(") ? .captured : .anything)
      return
    }
    guard rest.popFirst() == "^" else { return nil }
    for (end, tail) in Self.ends where rest.hasSuffix(end) {
      var literal = rest.dropLast(end.count)
      if literal == "/?" || literal.isEmpty, tail == .captured { literal = "" }
      guard let prefix = Self.literal(literal) else { continue }
      // The root alone is no beginning.
      if tail == .nothing, prefix.isEmpty || prefix == "/" { return nil }
      self.init(prefix: prefix, tail: tail)
      return
    }
    guard let prefix = Self.literal(rest) else { return nil }
    self.init(prefix: prefix, tail: .anything)
  }

  private static let ends: [(String, Tail)] = [
    ("(/.*)?$", .captured), ("(/.*)$", .captured), ("(.*)$", .captured), ("(.+)$", .captured),
    ("(.*)", .captured), ("(/|$)", .anything), (".*$", .anything), (".*", .anything),
    ("/?$", .nothing), ("$", .nothing),
  ]

  /// What a text without marks of regular expressions, or with `\` before them, stands for.
  private static func literal(_ text: Substring) -> String? {
    var literal = ""
    var rest = text
    while let character = rest.popFirst() {
      if character == "\\" {
        guard let next = rest.popFirst(), !next.isLetter, !next.isNumber else { return nil }
        literal.append(next)
      } else if "^$.|?*+()[]{}".contains(character) {
        return nil
      } else {
        literal.append(character)
      }
    }
    return literal
  }

  /// The expressions that one with an alternation stands for: `^/(a|b)/` for `^/a/` and `^/b/`.
  static func alternatives(_ expression: String) -> [String] {
    guard let open = expression.firstIndex(of: "("),
      let close = expression[open...].firstIndex(of: ")"),
      expression[open..<close].contains("|"), !expression[open..<close].contains("$")
    else { return [expression] }
    var words = expression[expression.index(after: open)..<close]
    if words.hasPrefix("?:") { words = words.dropFirst(2) }
    let parts = words.split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count <= 32, parts.allSatisfy({ !$0.isEmpty && !$0.contains("(") }) else {
      return [expression]
    }
    return parts.map {
      "\(expression[..<open])\($0)\(expression[expression.index(after: close)...])"
    }
  }
}

/// Where a redirect of the other server's leads, in our words.
enum TargetText {
  /// Replaces variables, longest first; `nil` where one remains that means nothing here.
  static func replaced(_ text: String, _ variables: [(name: String, part: String)]) -> String? {
    var rest = Substring(text)
    var target = ""
    while let character = rest.first {
      guard character == "$" || character == "%" else {
        // Braces are ours.
        if character == "{" || character == "}" { return nil }
        target.append(character)
        rest = rest.dropFirst()
        continue
      }
      guard let found = variables.first(where: { rest.hasPrefix($0.name) }) else {
        // `%20` is part of a URL.
        guard character == "%", !rest.hasPrefix("%{"), rest.dropFirst().first?.isHexDigit == true
        else { return nil }
        target.append(character)
        rest = rest.dropFirst()
        continue
      }
      rest = rest.dropFirst(found.name.count)
      target =
        found.part.hasPrefix("{path}") && target.hasSuffix("/")
        ? String(target.dropLast()) + found.part : target + found.part
    }
    return target.isEmpty ? nil : target
  }

  /// The host that a URL names, where it is none of the request's.
  static func host(of target: String) -> String? {
    guard let range = target.firstRange(of: "://") else { return nil }
    let host = target[range.upperBound...].prefix { $0 != "/" && $0 != "{" && $0 != "?" }
    return host.isEmpty || host.contains(":") ? nil : Acceptable.host(String(host))
  }
}
