import HTTPCore

/// An answer's head on a session of HTTP/2 whose output has little room.
enum ResponseSending {
  /// The least that a frame and a piece of `body` need, more, and what a connection is lent.
  private static let rooms = [65_536, 16_406, 16_407, 20_000, 32_786]
  private static let roundsMax = 64

  private static let opening = HTTP2Frames.greeting + HTTP2Frames.request(1)
  private static let interim = octets("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
  private static let error = octets("HTTP/1.1 502 Bad Gateway\r\n\r\n")
  private static let body = octets("body")

  /// A head of this size is never refused.
  private static let sureBytes = 32 << 10

  /// The client has the whole head, with or without the body that is sent behind it, or is told that
  /// there is none.
  static func problem(_ input: inout FuzzInput, _ head: [UInt8]) -> String? {
    let limits = SessionLimits(head: HeadLimits(), streams: 10)
    guard let session = try? ServerSession(limits) else { return "no session" }
    session.output = ByteBuffer(storage: [UInt8](repeating: 0, count: input.choice(rooms)))
    guard open(session) else { return "no request" }
    let filled = input.flag() ? input.below(session.output.freeCount) : 0
    session.output.append([UInt8](repeating: 0, count: filled).span)
    var wanted: [[UInt8]] = []
    if input.isOnce(in: 4) {
      session.inform(1, interim.span)
      wanted.append(interim)
    }
    let hasBody = input.flag()
    let isInterim = head[9] == UInt8(ascii: "1")
    if isInterim { session.inform(1, head.span) }
    if isInterim || !session.respond(1, head.span, hasBody: hasBody) {
      guard isInterim || head.count > sureBytes else { return "a head that is refused" }
      guard session.respond(1, error.span, hasBody: hasBody) else { return "nothing to answer" }
      if isInterim { wanted.append(head) }
      wanted.append(error)
    } else {
      wanted.append(head)
    }
    let bytes = drain(session, hasBody: hasBody)
    guard let sent = HTTP2Frame.read(Array(bytes.dropFirst(filled))) else {
      return "what is sent is no sequence of frames"
    }
    if let complaint = problem(sent, wanted) { return complaint }
    let data = sent.filter { $0.type == 0 }.reduce(into: []) { $0 += $1.payload }
    let isReset = sent.contains { $0.type == 3 }
    return !hasBody || isReset || data == body ? nil : "a head without its body"
  }

  private static func open(_ session: ServerSession) -> Bool {
    var start = 0
    while start < opening.count {
      let piece = opening.span.extracting(start..<opening.count)
      let received = session.receive(piece, now: 0)
      start += received.count
      if case .request(1, true) = received.event { return true }
    }
    return false
  }

  /// All that the session sends, with what its output had before.
  private static func drain(_ session: ServerSession, hasBody: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    var taken = 0
    for _ in 0..<roundsMax {
      if hasBody, taken < body.count {
        taken += session.send(1, body.span.extracting(taken..<body.count), endsStream: true)
      }
      session.pump()
      bytes.append(copying: session.output.readable)
      session.output.consume(session.output.count)
      if !session.wantsOutput, !hasBody || taken == body.count { break }
    }
    return bytes
  }

  private static func problem(_ sent: [HTTP2Frame], _ wanted: [[UInt8]]) -> String? {
    guard sent.allSatisfy({ $0.payload.count <= 16_384 }) else { return "a frame that is too long" }
    let decoder = HeaderBlock()
    var heads: [[String]] = []
    var block: [UInt8] = []
    for frame in sent where frame.stream == 1 && (frame.type == 1 || frame.type == 9) {
      block += frame.payload
      guard frame.flags & 4 != 0 else { continue }
      guard let fields = decoder.fields(of: block) else { return "a head that cannot be read" }
      heads.append(fields)
      block = []
    }
    guard block.isEmpty else { return "a part of a head" }
    if sent.contains(where: { $0.type == 3 && $0.stream == 1 }) { return nil }
    // An interim head is worth nothing by itself, so one that is too large may be left out.
    let due = wanted.filter { $0.count <= sureBytes || $0[9] != UInt8(ascii: "1") }
    guard heads.count == wanted.count || heads.count == due.count else {
      return "\(heads.count) heads were sent for those of \(wanted.map(\.count)) bytes"
    }
    for (found, head) in zip(heads, heads.count == wanted.count ? wanted : due)
    where found != fields(of: head) {
      return "other fields: \(found)"
    }
    return nil
  }

  /// The head in the words of HTTP/2, RFC 9113 §8.2 and §8.3.2.
  private static func fields(of head: [UInt8]) -> [String] {
    let lines = ResponseLines(head)
    var fields = [":status: \(lines.status)"]
    for line in lines.fields {
      let name = String(line.unicodeScalars.prefix { $0 != ":" }).lowercased()
      guard name != "connection", name != "transfer-encoding" else { continue }
      let value = line.unicodeScalars.dropFirst(name.utf8.count + 2).drop {
        $0 == " " || $0 == "\t"
      }
      fields.append("\(name): \(String(value))")
    }
    return fields
  }
}
