import HTTPCore

extension ParserProperties {
  /// A head for a client is written whole, with the fields that the rules leave and no others, or not
  /// at all; over HTTP/2 the client gets the same fields, or its stream is reset.
  package static func responseSerializer(_ bytes: [UInt8]) -> String? {
    // The head takes all that is left, so what is done to it comes first.
    var input = FuzzInput(Array(bytes.prefix(choicesBytes)))
    var rest = FuzzInput(Array(bytes.dropFirst(choicesBytes)))
    var head = ResponseHead()
    guard ResponseHeads.make(&rest, into: &head) else { return nil }
    let isSent = input.flag()
    var writing = ResponseWriting(&input, head)
    let rules = ResponseHeads.rules(&input)
    head.apply(rules)
    writing.own = Set((rules.set + rules.add).map { text($0.name.span).lowercased() })
    let attributes = ResponseHeads.cookies(&input)
    if !attributes.isEmpty { head.complete(cookies: attributes) }
    let expected = writing.expected(head)
    let written = writing.write(head, room: head.bytes.count * 2 + head.fields.count * 32 + 8192)
    guard let written, written == expected else {
      return written.map { "written: \(difference($0, expected))" } ?? "a head that fits nowhere"
    }
    return readBackProblem(written, head) ?? roomProblem(&input, writing, head, written)
      ?? (isSent ? ResponseSending.problem(&input, written) : nil)
  }

  private static let choicesBytes = 32

  private static func readBackProblem(
    _ written: [UInt8], _ head: borrowing ResponseHead
  ) -> String? {
    let lines = ResponseLines(written)
    // The parser takes no more fields than these, of which some are ours here.
    guard lines.fields.count <= FixedLimits.responseFields else { return nil }
    let reading = ResponseReading.read(written, ends: [written.count], limits: wideLimits)
    guard reading.refusal == nil, reading.consumed == written.count else {
      return "what was written is no head: \(reading.refusal.map { "\($0)" } ?? "more is wanted")"
    }
    return reading.fields == lines.fields ? nil : "read back as \(reading.fields)"
  }

  /// Buffers with less room, exactly as much, or a little more than is needed or was asked for.
  private static func roomProblem(
    _ input: inout FuzzInput, _ writing: ResponseWriting, _ head: borrowing ResponseHead,
    _ written: [UInt8]
  ) -> String? {
    let asked = head.bytes.count + head.fields.count + 512
    let rooms = [asked, written.count, asked, written.count, 0, input.below(asked + 64)]
    for room in [asked, input.choice(rooms) + input.below(5) - 2] where room >= 0 {
      let before = input.choice([0, 0, 1, 100])
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: before + room))
      for _ in 0..<before { buffer.append(UInt8(ascii: "-")) }
      let isWritten = writing.write(head, into: &buffer)
      var found: [UInt8] = []
      found.append(copying: buffer.readable)
      let wanted = [UInt8](repeating: UInt8(ascii: "-"), count: before) + (isWritten ? written : [])
      guard found == wanted else { return "in \(room) bytes: \(difference(found, wanted))" }
    }
    return nil
  }

  /// Where two texts begin to differ.
  static func difference(_ left: [UInt8], _ right: [UInt8]) -> String {
    let place = zip(left, right).prefix { $0 == $1 }.count
    let start = max(0, place - 16)
    let parts = [left, right].map { text(Array($0.dropFirst(start).prefix(64)).span) }
    return "\(left.count) and \(right.count) bytes, from \(start): \(parts)"
  }
}

/// How a head is written.
struct ResponseWriting {
  private enum Form { case whole, interim, `switch`, connected }

  private let form: Form
  private let framing: OutputFraming
  private let connection: ConnectionToken
  private let coding: BodyCoding
  /// Fields of the rules, in lower case: naming them in Connection does not take them away.
  var own: Set<String> = []
  private static let date = octets("Sat, 01 Jan 2000 00:00:00 GMT")

  init(_ input: inout FuzzInput, _ head: borrowing ResponseHead) {
    form = input.choice([.whole, .whole, .whole, .whole, .interim, .switch, .connected])
    framing = ResponseHeads.framing(&input, head)
    connection = input.choice([.none, .keepAlive, .close])
    coding = input.choice([
      .asSent, .varying, .compressed(.gzip), .compressed(.brotli), .compressed(.zstd),
    ])
  }

  /// `nil` where it does not fit.
  func write(_ head: borrowing ResponseHead, room: Int) -> [UInt8]? {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: room))
    guard write(head, into: &buffer) else { return nil }
    var bytes: [UInt8] = []
    bytes.append(copying: buffer.readable)
    return bytes
  }

  func write(_ head: borrowing ResponseHead, into buffer: inout ByteBuffer) -> Bool {
    switch form {
    case .whole:
      HeadSerializer.write(
        head, framing: framing, connection: connection, date: Self.date.span, coding: coding,
        into: &buffer)
    case .interim: HeadSerializer.writeInterim(head, into: &buffer)
    case .switch: HeadSerializer.writeSwitch(head, into: &buffer)
    case .connected: HeadSerializer.writeConnected(head, date: Self.date.span, into: &buffer)
    }
  }

  // MARK: What has to be written, by a second reading of the rules

  private typealias Line = (name: String, value: [UInt8])

  func expected(_ head: borrowing ResponseHead) -> [UInt8] {
    var output = octets("HTTP/1.1 \(head.status) ")
    output.append(copying: head.span(head.reason))
    output += octets("\r\n")
    if form == .connected { output = octets("HTTP/1.1 200 OK\r\n") }
    if form == .switch { output += octets("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
    let lines = passed(head)
    for line in form == .whole ? coded(lines, head) : lines {
      output += octets(line.name) + octets(": ") + line.value + octets("\r\n")
    }
    let isDated = lines.contains { $0.name.lowercased() == "date" }
    if form == .connected && !hasDate(head) || form == .whole && !isDated {
      output += octets("Date: ") + Self.date + octets("\r\n")
    }
    if form == .whole { output += added(head) }
    return output + octets("\r\n")
  }

  private func hasDate(_ head: borrowing ResponseHead) -> Bool {
    for field in head.fields where field.known == .date { return true }
    return false
  }

  /// The fields that a client may see.
  private func passed(_ head: borrowing ResponseHead) -> [Line] {
    let nominated = words(head, of: "connection").subtracting(own)
    var lines: [Line] = []
    var isDated = false
    for field in head.fields {
      let name = text(head.span(field.name))
      let lower = name.lowercased()
      let isLength = lower == "content-length"
      if isLength {
        guard form == .whole, framing == .none, head.status != 204, head.status >= 200 else {
          continue
        }
      } else if ParserProperties.inside.contains(lower) || lower.hasPrefix("x-accel-")
        || lower == "connection" || lower == "transfer-encoding" || nominated.contains(lower)
      {
        continue
      }
      if form == .connected, lower == "sec-websocket-accept" { continue }
      if form == .whole, lower == "date" {
        if isDated { continue }
        isDated = true
      }
      lines.append((name, Array(head.bytes[field.value.range])))
    }
    return lines
  }

  /// The same with what a coding of the body changes.
  private func coded(_ lines: [Line], _ head: borrowing ResponseHead) -> [Line] {
    var mustVary = mustVary(head)
    var coded: [Line] = []
    for line in lines {
      switch line.name.lowercased() {
      case "vary" where mustVary:
        mustVary = false
        coded.append((line.name, line.value + octets(", Accept-Encoding")))
      case "accept-ranges" where coding.isCompressed: continue
      case "etag" where coding.isCompressed && line.value.first == UInt8(ascii: "\""):
        coded.append((line.name, octets("W/") + line.value))
      default: coded.append(line)
      }
    }
    return coded
  }

  private func mustVary(_ head: borrowing ResponseHead) -> Bool {
    let varied = words(head, of: "vary")
    return coding != .asSent && !varied.contains("*") && !varied.contains("accept-encoding")
  }

  private func added(_ head: borrowing ResponseHead) -> [UInt8] {
    var lines = ""
    if case .compressed(let coding) = coding { lines += "Content-Encoding: \(coding.name)\r\n" }
    let hasVary = passed(head).contains { $0.name.lowercased() == "vary" }
    if mustVary(head), !hasVary { lines += "Vary: Accept-Encoding\r\n" }
    switch framing {
    case .none, .untilClose: break
    case .length(let count): lines += "Content-Length: \(count)\r\n"
    case .chunked: lines += "Transfer-Encoding: chunked\r\n"
    }
    switch connection {
    case .none: break
    case .keepAlive: lines += "Connection: keep-alive\r\n"
    case .close: lines += "Connection: close\r\n"
    }
    return octets(lines)
  }

  /// The words of all lists of a name, in lower case.
  private func words(_ head: borrowing ResponseHead, of name: String) -> Set<String> {
    var words: Set<String> = []
    for field in head.fields where text(head.span(field.name)).lowercased() == name {
      for part in text(head.span(field.value)).split(separator: ",") {
        var word = part.unicodeScalars[...]
        while let last = word.last, last == " " || last == "\t" { word.removeLast() }
        words.insert(String(word.drop { $0 == " " || $0 == "\t" }).lowercased())
      }
    }
    return words
  }
}

/// The lines of a head as it was written.
struct ResponseLines {
  let status: String
  /// `name: value`.
  let fields: [String]

  init(_ head: [UInt8]) {
    var lines: [String] = []
    var start = 0
    while let end = head[start...].firstIndex(of: ASCII.carriageReturn), end > start {
      lines.append(text(head.span.extracting(start..<end)))
      start = end + 2
    }
    status = String(lines[0].unicodeScalars.dropFirst(9).prefix(3))
    fields = Array(lines.dropFirst())
  }
}
