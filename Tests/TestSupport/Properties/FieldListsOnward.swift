import HTTPCore

/// What is done with a request behind its settled head: all that can be called without a server.
extension FieldListReading {
  /// Questions about the head answer within bounds, and both protocols that applications speak carry
  /// the same request.
  func onwardProblem(_ head: inout RequestHead, _ input: inout FuzzInput) -> String? {
    guard !head.isPipe else { return nil }
    if let complaint = questionsProblem(head, &input) { return complaint }
    let rules = Self.rules(&input)
    head.apply(rules)
    if let complaint = Self.rangesProblem(head) ?? rulesProblem(rules, head) { return complaint }
    var chain = ForwardedChain()
    if input.flag() { chain.read(head, trusted: Self.trusted) }
    if let complaint = chainProblem(chain) { return complaint }
    var facts = ForwardedFacts()
    facts.remoteAddress = octets("192.0.2.1")
    facts.remotePort = 4711
    facts.isTLS = chain.isTLS ?? true
    facts.requestID = chain.requestID.isEmpty ? octets("id") : chain.requestID
    switch head.framing {
    case .length(let count): facts.bodyLength = count
    case .chunked: facts.bodyLength = UInt64(input.number(Int64.self).magnitude >> 1)
    case .none: facts.bodyLength = nil
    }
    if let complaint = blockProblem(head, facts) { return complaint }
    facts.asksForWebSocket = head.asksForWebSocket && input.flag()
    if facts.asksForWebSocket { facts.webSocketKey = octets("dGhlIHNhbXBsZSBub25jZQ==") }
    facts.forwardedHost = chain.host
    if !chain.addresses.isEmpty { facts.forwardedFor = chain.addresses + octets(", 192.0.2.1") }
    return requestProblem(head, facts, closing: input.flag())
  }

  // MARK: Questions

  private func questionsProblem(
    _ head: borrowing RequestHead, _ input: inout FuzzInput
  ) -> String? {
    let length = input.number(Int64.self)
    if case .parts(let parts) = head.ranges(length: length) {
      for part in parts where part.lowerBound < 0 || part.upperBound > length || part.isEmpty {
        return "a range outside"
      }
    }
    let validators = Validators(tag: octets("\"t\""), modified: input.number(Int64.self))
    _ = head.precondition(validators)
    _ = head.rangeConditionHolds(validators, now: input.number(Int64.self))
    guard AcceptEncoding(head).weight(.gzip) <= 1000 else { return "a weight above 1" }
    _ = head.acceptsJSON
    if head.mayShareAnswer, head.value(ofField: octets("authorization").span) != nil {
      return "an answer to one who is known is shared"
    }
    _ = head.forbidsStorage
    for name in ["a", "node", ""].map(octets) {
      if let value = head.cookie(name.span), value.range.upperBound > head.bytes.count {
        return "a cookie outside the head"
      }
    }
    if let complaint = ParserProperties.readingsProblem(head) { return complaint }
    return redirectProblem(head, &input)
  }

  private func redirectProblem(
    _ head: borrowing RequestHead, _ input: inout FuzzInput
  ) -> String? {
    var location: [UInt8] = []
    input.choice(Self.redirects).write(for: head, into: &location)
    return location.allSatisfy { (0x21...0x7e).contains($0) } ? nil : "a redirect ends its field"
  }

  private static let redirects = [
    "https://{host}{path}{query}", "/next?to={path}{query}", "http://b.test/{host}{path}",
  ].compactMap { try? RedirectTarget($0) }

  private func chainProblem(_ chain: borrowing ForwardedChain) -> String? {
    for byte in chain.requestID where !ASCII.isToken(byte) && byte != UInt8(ascii: ":") {
      return "a name of a request with \(byte) in it"
    }
    return nil
  }

  private static let trusted = ["10.0.0.0/8", "::/0"].map(octets).compactMap { Network($0.span) }

  // MARK: Rules

  private static func rules(_ input: inout FuzzInput) -> FieldRules {
    var rules = FieldRules()
    guard input.flag() else { return rules }
    let field = { (input: inout FuzzInput) in
      FieldRules.Field(name: input.choice(ruled), value: input.choice(ruledValues))
    }
    rules.remove = input.list(atMost: 3) { $0.choice(ruled) }
    rules.set = input.list(atMost: 3, field)
    rules.add = input.list(atMost: 3, field)
    return rules
  }

  /// Names that an operator may name, in any case.
  private static let ruled = [
    "x-one", "X-Two", "Cookie", "user-agent", "Content-Type", "accept-encoding", "authorization",
    "sec-websocket-version",
  ].map(octets)
  private static let ruledValues = ["", "v", "a, b", "c=d"].map(octets)

  private func rulesProblem(_ rules: FieldRules, _ head: borrowing RequestHead) -> String? {
    func name(_ bytes: [UInt8]) -> String { text(bytes.span).lowercased() }
    func name(_ bytes: [UInt8], _ field: HeaderField) -> String {
      name(Array(bytes[field.name.range]))
    }
    let added = Set(rules.add.map { name($0.name) })
    let set = Set(rules.set.map { name($0.name) })
    for removed in Set(rules.remove.map(name)).union(set).subtracting(added) {
      var count = 0
      for field in head.fields where name(head.bytes, field) == removed { count += 1 }
      guard count == (set.contains(removed) ? 1 : 0) else { return "\(count) fields \(removed)" }
    }
    guard let first = head.fields.first, first.known == .host else {
      return "Host is not the first"
    }
    return head.fields.count { $0.known == .host } == 1 ? nil : "more than one Host"
  }

  // MARK: To applications

  private func blockProblem(_ head: borrowing RequestHead, _ facts: ForwardedFacts) -> String? {
    var packet = UWSGIPacket()
    do throws(HTTPError) {
      try packet.encode(head, facts: facts)
    } catch {
      return ParserProperties.refusalProblem(error)
    }
    var sent: [UInt8] = []
    sent.append(copying: packet.bytes)
    guard let block = UWSGIBlock(sent), block.body.isEmpty else {
      return "the sizes contradict the bytes"
    }
    let reading = RequestReading(head, consumed: nil, refusal: nil)
    return ParserProperties.problem(block, reading, facts).map { "uwsgi: \($0)" }
  }

  /// The request reads back as itself and nothing is left over.
  private func requestProblem(
    _ head: borrowing RequestHead, _ facts: ForwardedFacts, closing: Bool
  ) -> String? {
    var request = HTTP1Request()
    request.encode(head, facts: facts, closing: closing)
    var sent: [UInt8] = []
    sent.append(copying: request.bytes)
    let limits = ParserProperties.wideLimits
    let reading = RequestReading.read(sent, ends: [sent.count], limits: limits)
    guard reading.refusal == nil, reading.consumed == sent.count else {
      return "HTTP/1.1: \(reading.refusal.map { "\($0)" } ?? "bytes are left")"
    }
    let original = RequestReading(head, consumed: nil, refusal: nil)
    guard reading.methodText == original.methodText, reading.versionMinor == 1,
      reading.decodedPath == original.decodedPath, reading.host == original.host,
      reading.query == original.query
    else { return "HTTP/1.1: another request" }
    let framing = facts.bodyLength.map { BodyFraming.length($0) } ?? .none
    guard reading.framing == framing else { return "HTTP/1.1: another body" }
    guard reading.fields == lines(head, facts, closing: closing) else {
      return "HTTP/1.1: other fields: \(reading.fields)"
    }
    return nil
  }

  private func lines(
    _ head: borrowing RequestHead, _ facts: ForwardedFacts, closing: Bool
  ) -> [String] {
    var lines = ["Host: \(text(head.span(head.authority)))"]
    var crumbs: [String] = []
    for field in head.fields {
      let (name, value) = (text(head.span(field.name)), text(head.span(field.value)))
      let lower = name.lowercased()
      guard lower == "content-type" || !ParserProperties.dropped.contains(lower), lower != "host",
        !lower.hasPrefix("x-forwarded-"), !lower.contains("_")
      else { continue }
      if lower == "cookie" { crumbs.append(value) } else { lines.append("\(name): \(value)") }
    }
    if !crumbs.isEmpty { lines.append("Cookie: \(Self.trimmed(crumbs.joined(separator: "; ")))") }
    let told = facts.forwardedFor.isEmpty ? facts.remoteAddress : facts.forwardedFor
    lines.append("X-Forwarded-For: \(text(told.span))")
    lines.append("X-Forwarded-Proto: \(facts.isTLS ? "https" : "http")")
    let host = facts.forwardedHost.isEmpty ? authority : facts.forwardedHost
    lines.append("X-Forwarded-Host: \(text(host.span))")
    lines.append("X-Request-ID: \(text(facts.requestID.span))")
    if let length = facts.bodyLength { lines.append("Content-Length: \(length)") }
    if facts.asksForWebSocket {
      lines += ["Connection: Upgrade", "Upgrade: websocket"]
      lines.append("Sec-WebSocket-Key: \(text(facts.webSocketKey.span))")
    } else if closing {
      lines.append("Connection: close")
    }
    return lines
  }

  /// Without the blanks that a parser takes off a value.
  private static func trimmed(_ value: String) -> String {
    var scalars = value.unicodeScalars[...]
    while let last = scalars.last, last == " " || last == "\t" { scalars.removeLast() }
    while let first = scalars.first, first == " " || first == "\t" { scalars.removeFirst() }
    return String(scalars)
  }
}
