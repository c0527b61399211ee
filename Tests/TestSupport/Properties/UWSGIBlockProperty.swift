import HTTPCore

extension ParserProperties {
  /// The packet of a request reads back as exactly what the rules make of its fields.
  package static func uwsgiBlock(_ input: [UInt8]) -> String? {
    var parser = RequestParser()
    var head = RequestHead()
    let consumed = try? parser.parse(input.span, into: &head, limits: wideLimits)
    guard let consumed else { return nil }
    let reading = RequestReading(head, consumed: consumed, refusal: nil)
    let seed = digest(input)
    var facts = ForwardedFacts()
    facts.remoteAddress = octets("192.0.2.1")
    facts.remotePort = 4711
    facts.isTLS = seed % 2 == 0
    facts.bodyLength = seed % 3 == 0 ? UInt64(seed) : nil
    facts.modifier1 = UInt8(seed % 256)
    // Every eighth packet comes near the limit.
    facts.requestID = Array(repeating: 0x72, count: seed % 8 == 0 ? 65_535 - seed % 1024 : 8)
    var packet = UWSGIPacket()
    do throws(HTTPError) {
      try packet.encode(head, facts: facts)
    } catch {
      return refusalProblem(error)
    }
    var sent: [UInt8] = []
    sent.append(copying: packet.bytes)
    guard let block = UWSGIBlock(sent), block.body.isEmpty else {
      return "the sizes contradict the bytes"
    }
    guard block.modifier1 == facts.modifier1, block.modifier2 == 0 else { return "a modifier" }
    return problem(block, reading, facts)
  }

  static func refusalProblem(_ error: HTTPError) -> String? {
    switch error {
    case .blockTooLarge(let bytes, let limit):
      bytes > limit && limit == 65_535 ? nil : "refused within the limit"
    case .tooManyVariables(let count, let limit):
      count > limit && limit == 128 ? nil : "refused within the limit"
    default: "refused for a reason of a parser"
    }
  }

  static func problem(
    _ block: UWSGIBlock, _ head: RequestReading, _ facts: ForwardedFacts
  ) -> String? {
    var left = fromFields(head)
    left["REQUEST_METHOD"] = head.methodText
    let path = head.path.isEmpty ? "/" : head.path
    left["REQUEST_URI"] = path + (head.query.map { "?" + $0 } ?? "")
    left["PATH_INFO"] = head.decodedPath
    left["SCRIPT_NAME"] = ""
    left["QUERY_STRING"] = head.query ?? ""
    left["SERVER_PROTOCOL"] = "HTTP/1.1"
    left["SERVER_NAME"] = head.host
    left["SERVER_PORT"] = "0"
    left["SERVER_ADDR"] = ""
    left["REMOTE_ADDR"] = "192.0.2.1"
    left["REMOTE_PORT"] = "4711"
    let scheme = facts.isTLS ? "https" : "http"
    left["REQUEST_SCHEME"] = scheme
    left["UWSGI_SCHEME"] = scheme
    left["HTTPS"] = facts.isTLS ? "on" : nil
    left["CONTENT_LENGTH"] = facts.bodyLength.map { "\($0)" }
    left["HTTP_X_FORWARDED_FOR"] = "192.0.2.1"
    left["HTTP_X_FORWARDED_PROTO"] = scheme
    left["HTTP_X_FORWARDED_HOST"] = head.authority
    left["HTTP_X_REQUEST_ID"] = text(facts.requestID.span)
    for variable in block.variables {
      guard let expected = left.removeValue(forKey: variable.key) else {
        return "a variable that should not be, or is twice: \(variable.key)"
      }
      guard octets(expected) == octets(variable.value) else {
        return "another value of \(variable.key)"
      }
    }
    return left.isEmpty ? nil : "missing: \(left.keys.sorted())"
  }

  /// What the fields alone become, by a second reading of the rules.
  private static func fromFields(_ head: RequestReading) -> [String: String] {
    let fields = head.fields.map { line in
      let name = String(line.unicodeScalars.prefix { $0 != ":" })
      return (name: name, value: String(line.unicodeScalars.dropFirst(name.utf8.count + 2)))
    }
    var nominated: Set<String> = []
    for field in fields where field.name.lowercased() == "connection" {
      for element in field.value.unicodeScalars.split(separator: ",") {
        var word = element.drop { $0 == " " || $0 == "\t" }
        while let last = word.last, last == " " || last == "\t" { word.removeLast() }
        nominated.insert(String(word).lowercased())
      }
    }
    var made: [String: String] = [:]
    for field in fields {
      let name = field.name.lowercased()
      if name == "content-type", made["CONTENT_TYPE"] == nil { made["CONTENT_TYPE"] = field.value }
      if dropped.contains(name) || name.hasPrefix("x-forwarded-") {
        continue
      }
      if name.contains("_") || nominated.contains(name) && name != "host" { continue }
      let key = "HTTP_" + String(name.uppercased().map { $0 == "-" ? "_" : $0 })
      if let before = made[key] {
        made[key] = before + (name == "cookie" ? "; " : ", ") + field.value
      } else {
        made[key] = field.value
      }
    }
    if made["HTTP_HOST"] == nil, !head.authority.isEmpty { made["HTTP_HOST"] = head.authority }
    return made
  }

  static let dropped: Set = [
    "connection", "content-length", "content-type", "expect", "forwarded", "keep-alive", "proxy",
    "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "x-real-ip", "x-request-id",
  ]
}
