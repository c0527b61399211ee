import HTTPCore

extension ParserProperties {
  /// A request head means the same however it is cut, and what it means is well-formed.
  package static func requestHead(_ input: [UInt8]) -> String? {
    let whole = RequestReading.read(input, ends: [input.count], limits: smallLimits)
    let place = cut(input)
    guard RequestReading.read(input, ends: [place, input.count], limits: smallLimits) == whole
    else { return "another result when cut at \(place)" }
    let longer = input + octets("\r\n\r\nx\n")
    if whole.refusal != nil || whole.consumed != nil {
      guard RequestReading.read(longer, ends: [longer.count], limits: smallLimits) == whole else {
        return "another result when more follows"
      }
    }
    guard let consumed = whole.consumed else { return nil }
    guard whole.refusal == nil, consumed <= input.count,
      whole.bytes == text(input.span.extracting(0..<consumed)), whole.bytes.hasSuffix("\r\n\r\n")
    else { return "the head is not what was consumed" }
    var parser = RequestParser()
    var head = RequestHead()
    _ = try? parser.parse(input.span, into: &head, limits: smallLimits)
    return wellFormed(whole) ?? pathProblem(whole) ?? framingProblem(whole)
      ?? readingsProblem(head) ?? changeProblem(head)
  }

  private static func wellFormed(_ head: RequestReading) -> String? {
    let parts = head.fields + [head.target, head.methodText, head.authority, head.host]
    for part in parts {
      for scalar in part.unicodeScalars where ["\r", "\n", "\0"].contains(scalar) {
        return "a line end or NUL within a part"
      }
    }
    guard head.versionMinor == 0 || head.versionMinor == 1 else { return "a version not known" }
    if head.hostIsName, !head.host.isEmpty, !head.host.hasPrefix("[") {
      var normal: [UInt8] = []
      let host = octets(head.host)
      guard HostName.normalise(host.span, into: &normal), normal == host else {
        return "a host not in its normal form"
      }
    }
    guard head.fields.count(where: { $0.lowercased().hasPrefix("host:") }) <= 1 else {
      return "more than one host"
    }
    return nil
  }

  private static func pathProblem(_ head: RequestReading) -> String? {
    let path = head.decodedPath
    if path == "*" { return head.method == .options ? nil : "an asterisk outside OPTIONS" }
    guard path.hasPrefix("/"), !path.unicodeScalars.contains("\0") else {
      return "a path that is none"
    }
    let segments = path.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
    for (index, segment) in segments.enumerated() {
      let name = String(segment)
      if name == "." || name == ".." { return "a dot segment was left" }
      if name.isEmpty, index > 0, index < segments.count - 1 { return "an empty segment was left" }
    }
    // What is escaped completely decodes to the same, once.
    let digits = Array("0123456789abcdef")
    let escaped = path.unicodeScalars.map { scalar in
      scalar == "/" ? "/" : "%\(digits[Int(scalar.value >> 4)])\(digits[Int(scalar.value & 15)])"
    }
    let again = octets("GET \(escaped.joined()) HTTP/1.1\r\n\r\n")
    let reading = RequestReading.read(again, ends: [again.count], limits: wideLimits)
    return reading.decodedPath == path ? nil : "the path is not its own normal form"
  }

  private static func framingProblem(_ head: RequestReading) -> String? {
    let names = head.fields.map { $0.prefix { $0 != ":" }.lowercased() }
    let lengths = names.count { $0 == "content-length" }
    let codings = names.count { $0 == "transfer-encoding" }
    switch head.framing {
    case .none: return lengths + codings == 0 ? nil : "framing was passed over"
    case .length: return lengths == 1 && codings == 0 ? nil : "a length beside other framing"
    case .chunked:
      return lengths == 0 && codings == 1 && head.versionMinor == 1
        ? nil : "chunked beside other framing"
    }
  }
}
