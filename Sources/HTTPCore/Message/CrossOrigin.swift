/// The rule by which browsers may show answers to pages of other origins, Fetch §3.2 (CORS).
package final class CrossOrigin: Sendable, Equatable {
  package enum Origin: Sendable, Equatable {
    /// A serialized origin: scheme, host and perhaps a port.
    case exact([UInt8])
    /// One label of anything between these two: `https://` and `.example.org`.
    case anyLabel(before: [UInt8], after: [UInt8])
  }

  /// Empty for every origin.
  let origins: [Origin]
  /// Joined as in the fields; of `headers` `nil` for whatever is asked for.
  private let methods: [UInt8]
  private let headers: [UInt8]?
  private let exposed: [UInt8]
  private let maxAge: [UInt8]
  private let credentials: Bool

  /// `seconds` is how long a browser may remember the answer to a preflight.
  package init(
    origins: [Origin], methods: [[UInt8]], headers: [[UInt8]]?, exposed: [[UInt8]],
    credentials: Bool, seconds: Int64
  ) {
    func joined(_ words: [[UInt8]]) -> [UInt8] {
      Array(words.joined(separator: Array(", ".utf8)))
    }
    self.origins = origins
    self.methods = joined(methods)
    self.headers = headers.map(joined)
    self.exposed = joined(exposed)
    self.credentials = credentials
    maxAge = Array("\(seconds)".utf8)
  }

  package static func == (left: CrossOrigin, right: CrossOrigin) -> Bool {
    left.origins == right.origins && left.methods == right.methods
      && left.headers == right.headers && left.exposed == right.exposed
      && left.maxAge == right.maxAge && left.credentials == right.credentials
  }

  // MARK: Every answer

  /// The fields of an answer, whatever it comes from; they take the place of the application's own.
  package func fields(
    for head: borrowing RequestHead
  ) -> [(name: StaticString, value: [UInt8])] {
    guard let origin = head.value(named: "origin"), let allowed = allowed(head.span(origin)) else {
      return []
    }
    var fields: [(name: StaticString, value: [UInt8])] = [("Access-Control-Allow-Origin", allowed)]
    if credentials {
      fields.append(("Access-Control-Allow-Credentials", Array("true".utf8)))
    }
    if !exposed.isEmpty { fields.append(("Access-Control-Expose-Headers", exposed)) }
    return fields
  }

  /// The answer is another for another origin, also where the request has none.
  package var varies: Bool { !origins.isEmpty }

  package func apply(to response: inout ResponseHead, for head: borrowing RequestHead) {
    var rules = FieldRules()
    // Two of the first are as good as none, Fetch §4.9.
    rules.remove = Self.own
    rules.set = fields(for: head).map { name, value in
      FieldRules.Field(name: Array("\(name)".utf8), value: value)
    }
    let isSaid = ListTokens.contain(
      "origin", .vary, of: response.fields, in: response.bytes.span)
    if varies, !isSaid {
      rules.add = [FieldRules.Field(name: Array("Vary".utf8), value: Array("Origin".utf8))]
    }
    response.apply(rules)
  }

  private static let own = [
    "access-control-allow-origin", "access-control-allow-credentials",
    "access-control-expose-headers",
  ].map { Array($0.utf8) }

  // MARK: Preflights

  /// Whether the origin of a request is one that the rule is for.
  package func allowsOrigin(of head: borrowing RequestHead) -> Bool {
    guard let origin = head.value(named: "origin") else { return false }
    return allowed(head.span(origin)) != nil
  }

  /// What the answer to a preflight says besides the fields of every answer.
  package func describePreflight(
    _ response: inout ResponseHead, for head: borrowing RequestHead
  ) {
    let (methods, maxAge) = (self.methods, self.maxAge)
    response.add("Access-Control-Allow-Methods", methods.span)
    if let headers {
      if !headers.isEmpty { response.add("Access-Control-Allow-Headers", headers.span) }
    } else if let asked = head.value(named: "access-control-request-headers") {
      let names = head.span(asked)
      if Self.isList(names) { response.add("Access-Control-Allow-Headers", names) }
      response.add("Vary", "Access-Control-Request-Headers")
    }
    response.add("Access-Control-Max-Age", maxAge.span)
  }

  /// Field names between commas: a client's words that come back to it.
  private static func isList(_ names: borrowing Span<UInt8>) -> Bool {
    for index in 0..<names.count {
      let byte = names[index]
      guard ASCII.isToken(byte) || byte == UInt8(ascii: ",") || ASCII.isBlank(byte) else {
        return false
      }
    }
    return true
  }

  // MARK: Origins

  /// The value of Access-Control-Allow-Origin; `nil` for an origin that the rule is not for.
  private func allowed(_ origin: borrowing Span<UInt8>) -> [UInt8]? {
    if origins.isEmpty { return [UInt8(ascii: "*")] }
    for known in origins where Self.matches(known, origin) {
      var copy: [UInt8] = []
      copy.append(copying: origin)
      return copy
    }
    return nil
  }

  private static func matches(_ known: Origin, _ origin: borrowing Span<UInt8>) -> Bool {
    switch known {
    case .exact(let text):
      return text.count == origin.count && begins(origin, with: text)
    case .anyLabel(let before, let after):
      let end = origin.count - after.count
      guard end > before.count, begins(origin, with: before),
        begins(origin.extracting(end..<origin.count), with: after)
      else { return false }
      for index in before.count..<end {
        let byte = origin[index]
        guard ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") else {
          return false
        }
      }
      return true
    }
  }

  private static func begins(_ origin: borrowing Span<UInt8>, with text: [UInt8]) -> Bool {
    guard origin.count >= text.count else { return false }
    for index in text.indices where origin[index] != text[index] { return false }
    return true
  }
}

extension RequestHead {
  /// The value of the first field of a name, which is given in lower case.
  func value(named name: StaticString) -> ByteRange? {
    for field in fields where ASCII.equals(bytes.span.extracting(field.name.range), name) {
      return field.value
    }
    return nil
  }

  /// The method that a preflight asks for, Fetch §4.8; `nil` for a request that is none.
  package var methodOfPreflight: ByteRange? {
    guard method == .options, value(named: "origin") != nil else { return nil }
    return value(named: "access-control-request-method")
  }
}
