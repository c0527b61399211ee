import HTTPCore

extension ParserProperties {
  /// Where a path may be changed, no server reads what goes out as a path outside of what was put in
  /// front of it.
  static func changeProblem(_ head: borrowing RequestHead) -> String? {
    let path = head.decodedPath
    guard path.count > 1, path[0] == UInt8(ascii: "/") else { return nil }
    let strip = Array(path[..<(path.dropFirst().firstIndex(of: UInt8(ascii: "/")) ?? path.count)])
    let change = PathChange(strip: strip, add: octets(front))
    // Routes see to it that every reading of the whole path is theirs.
    guard strip.count > 1, head.everyReading({ begins($0, with: strip) }), head.allows(change)
    else { return nil }
    var facts = ForwardedFacts()
    facts.describe(change, behind: [])
    var message = HTTP1Request()
    message.encode(head, facts: facts, closing: false)
    let line = text(message.bytes).split(separator: "\r\n").first ?? ""
    let parts = line.split(separator: " ")
    guard parts.count == 3, line.utf8.count < 4096 else { return nil }
    var next = RequestHead()
    var parser = RequestParser()
    let request = octets("GET \(parts[1]) HTTP/1.1\r\nHost: a.test\r\n\r\n")
    guard (try? parser.parse(request.span, into: &next, limits: wideLimits)) != nil else {
      return "what goes out is refused"
    }
    // More are not looked at, since there are too many.
    let readings = 1 << next.pathDoubts.rawValue.nonzeroBitCount
    guard readings * Int(next.path.count) < 100_000 else { return nil }
    return next.everyReading { begins($0, with: octets(front)) }
      ? nil : "a reading leaves what was put in front"
  }

  private static let front = "/in/front"

  private static func begins(_ path: borrowing Span<UInt8>, with prefix: [UInt8]) -> Bool {
    guard path.count >= prefix.count else { return false }
    for index in prefix.indices where path[index] != prefix[index] { return false }
    return path.count == prefix.count || path[prefix.count] == UInt8(ascii: "/")
  }
}
