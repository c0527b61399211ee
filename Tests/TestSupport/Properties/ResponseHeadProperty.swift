import HTTPCore

extension ParserProperties {
  /// A response head means the same however it is cut, and what a client gets of it is clean.
  package static func responseHead(_ input: [UInt8]) -> String? {
    let whole = ResponseReading.read(input, ends: [input.count], limits: smallLimits)
    let place = cut(input)
    guard ResponseReading.read(input, ends: [place, input.count], limits: smallLimits) == whole
    else { return "another result when cut at \(place)" }
    let longer = input + octets("\r\n\r\nx\n")
    if whole.refusal != nil || whole.consumed != nil {
      guard ResponseReading.read(longer, ends: [longer.count], limits: smallLimits) == whole
      else { return "another result when more follows" }
    }
    return passedOn(input, .get) ?? passedOn(input, .head)
  }

  /// Reads what is written for a client again.
  private static func passedOn(_ input: [UInt8], _ method: Method) -> String? {
    var parser = ResponseParser(endsConnection: digest(input) % 2 == 0)
    var head = ResponseHead()
    let read = try? parser.parse(input.span, into: &head, limits: wideLimits)
    guard let read else { return nil }
    guard head.status >= 100, head.status <= 999, read <= input.count else { return "no status" }
    if let complaint = keptProblem(head, input) { return complaint }
    let date = octets("Sun, 06 Nov 1994 08:49:37 GMT")
    let framing = outputFraming(head.bodyFraming(for: method))
    // Around the size at which the head begins to fit: it must fit or be refused.
    let capacity = read + digest(input) % (head.fields.count + 1024)
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: capacity))
    let fitted =
      head.status < 200
      ? HeadSerializer.writeInterim(head, into: &buffer)
      : HeadSerializer.write(
        head, framing: framing, connection: .close, date: date.span, into: &buffer)
    guard fitted else { return buffer.count == 0 ? nil : "a part of a head was written" }
    let written = octets(text(buffer.readable))
    let again = ResponseReading.read(written, ends: [written.count], limits: wideLimits)
    guard again.consumed == written.count, again.status == head.status else {
      return "what was written is not a head"
    }
    return head.status < 200 ? problem(interim: again) : problem(final: again, framing)
  }

  /// Whatever is judged has terms within bounds, and what is kept reads back as a head for anybody.
  private static func keptProblem(_ head: borrowing ResponseHead, _ input: [UInt8]) -> String? {
    let now = Int64(digest(input)) * 1000
    if case .keep(let terms) = CacheRules.verdict(on: head, now: now, delay: now) {
      let bounds = 0...CacheControl.secondsMax
      guard bounds.contains(terms.freshness), bounds.contains(terms.initialAge),
        (1...(2 * CacheControl.secondsMax)).contains(terms.usable ?? 1)
      else { return "terms out of bounds: \(terms)" }
    }
    guard head.status >= 200, head.fields.count + 2 <= FixedLimits.responseFields else {
      return nil
    }
    var kept = head.stored(date: octets("Sun, 06 Nov 1994 08:49:37 GMT").span)
    StoredHead.end(&kept, status: head.status, bodyCount: 5)
    let again = ResponseReading.read(kept, ends: [kept.count], limits: wideLimits)
    guard again.consumed == kept.count, again.status == head.status, !again.isChunked,
      again.contentLength == (head.status == 204 ? nil : 5)
    else { return "what is kept is not a head" }
    let names = names(again)
    let forbidden = inside.union(["connection", "transfer-encoding", "age", "x-request-id"])
    guard !names.contains(where: { forbidden.contains($0) || $0.hasPrefix("x-accel-") }) else {
      return "a field for one hop is kept"
    }
    return names.count(where: { $0 == "date" }) == 1 ? nil : "not one date is kept"
  }

  private static func outputFraming(_ framing: ResponseFraming) -> OutputFraming {
    switch framing {
    case .none: .none
    case .length(let count): .length(count)
    case .chunked, .perhapsChunked, .untilClose: .chunked
    }
  }

  private static func names(_ reading: ResponseReading) -> [String] {
    reading.fields.map { $0.prefix { $0 != ":" }.lowercased() }
  }

  private static func problem(interim: ResponseReading) -> String? {
    let kept = names(interim)
    let inner = kept.contains { inside.contains($0) || $0.hasPrefix("x-accel-") }
    return inner || kept.contains("connection") || kept.contains("transfer-encoding")
      || kept.contains("content-length") ? "a field of ours in an interim head" : nil
  }

  private static func problem(final: ResponseReading, _ framing: OutputFraming) -> String? {
    let kept = names(final)
    guard !kept.contains(where: { inside.contains($0) || $0.hasPrefix("x-accel-") }) else {
      return "a field for one hop reaches the client"
    }
    guard kept.count(where: { $0 == "date" }) == 1 else { return "not one date" }
    guard final.fields.filter({ $0.lowercased().hasPrefix("connection:") }) == ["Connection: close"]
    else { return "a Connection that is not ours" }
    switch framing {
    case .none:
      guard !final.isChunked else { return "a coding without a body" }
      return final.status == 204 && final.contentLength != nil ? "204 with a length" : nil
    case .length(let count):
      return final.contentLength == count && !final.isChunked ? nil : "not our length"
    case .chunked: return final.isChunked && final.contentLength == nil ? nil : "not our coding"
    case .untilClose: return final.isChunked ? "not our framing" : nil
    }
  }

  static let inside: Set = [
    "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "upgrade", "x-sendfile",
  ]
}
