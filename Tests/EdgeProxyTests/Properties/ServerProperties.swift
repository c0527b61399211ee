import EventLoop
import HTTPCore
import TestSupport

@testable import Configuration
@testable import EdgeProxy

/// What holds of the server's own pure parts for every input, as `ParserProperties` of those that it
/// stands on.
package enum ServerProperties {
  /// A request of any fields finds a route or none, and its lines in the access log stay lines.
  package static func fieldLists(_ bytes: [UInt8]) -> String? {
    var input = FuzzInput(bytes)
    var head = RequestHead()
    // What was refused is written to the log as well.
    var isAccepted = false
    switch FieldListReading.read(&input, into: &head) {
    case .complaint(let complaint): return complaint
    case .refused: break
    case .accepted: isAccepted = true
    }
    if isAccepted, let complaint = routeProblem(head) { return complaint }
    return accessProblem(&input, head)
  }

  /// Times of log lines, of which clocks and stopped machines say any.
  package static func logTimes(_ bytes: [UInt8]) -> String? {
    var input = FuzzInput(bytes)
    // Clocks are read in nanoseconds.
    let time = input.number(Int64.self) / 1000
    let line = LogLine.make(.notice, "x", ["key": "value"], time: time)
    guard line.bytes.count > 24 else { return "a log line of \(line.bytes.count) bytes" }
    return accessProblem(&input, RequestHead(), time: time)
  }

  // MARK: Routes

  private static let patterns = [
    ("a.test", "/"), ("a.test", "/b"), ("*.test", "/c/"), ("b.test", "/only"), ("[::1]", "/"),
  ]
  private static let routes = RouteTable(
    patterns.map {
      RouteSettings(
        hosts: [$0.0], path: $0.1, upstream: 0, bodyBytesMax: 0, idempotencyKey: false,
        webSocket: true)
    })

  private static func routeProblem(_ head: borrowing RequestHead) -> String? {
    guard !head.isPipe else { return nil }
    let found = routes.lookup(host: head.host.span, path: head.decodedPath.span)
    guard let found else {
      return text(head.host.span) == "a.test" ? "no route for a host that has one for /" : nil
    }
    let (host, path) = patterns[found]
    let isHost = text(head.host.span) == host
    guard isHost || host == "*.test" && text(head.host.span).hasSuffix(".test") else {
      return "the route of another host"
    }
    return path == "/" || text(head.decodedPath.span).hasPrefix(path)
      ? nil : "the route of another path"
  }

  // MARK: The access log

  private static func accessProblem(
    _ input: inout FuzzInput, _ head: borrowing RequestHead, time: Int64? = nil
  ) -> String? {
    var record = AccessRecord()
    record.time = time ?? input.number(Int64.self) / 1000
    record.status = input.below(1000)
    record.bytesIn = input.number(Int64.self)
    record.bytesOut = input.number(Int64.self)
    record.totalMicroseconds = input.number(Int64.self)
    if input.flag() { record.firstByteMicroseconds = input.number(Int64.self) }
    record.client = input.raw(input.below(16))
    record.serverName = input.raw(input.below(16))
    record.user = input.raw(input.below(8))
    if input.flag() { record.tlsVersion = "TLSv1.3" }
    for _ in 0..<input.below(3) {
      record.addTry(node: input.raw(8), outcome: "ok", microseconds: input.number(Int64.self))
    }
    for kind in [LogSettings.Format.json, .combined, everyField] {
      var format = AccessFormat(kind)
      var line = TextBuffer(capacity: 16)
      format.append(record, head, to: &line)
      if let complaint = lineProblem(line, kind) { return "\(kind): \(complaint)" }
    }
    return nil
  }

  /// A text with all fields there are, of which some stand between quotation marks.
  private static let everyField = LogSettings.Format.text(
    LogField.allCases.flatMap { field -> [LogPiece] in
      let quote = LogPiece.text([UInt8(ascii: "\"")])
      return [.field(field, isQuoted: false), quote, .field(field, isQuoted: true), quote]
    } + [.header(Array("x-a".utf8), isQuoted: false)])

  /// One line without control bytes, of which JSON has as many quotation marks that begin a string as
  /// that end one.
  private static func lineProblem(
    _ line: borrowing TextBuffer, _ kind: LogSettings.Format
  ) -> String? {
    let bytes = line.bytes
    var isOpen = false
    var isEscaped = false
    for index in 0..<bytes.count {
      let byte = bytes[index]
      if index == bytes.count - 1 {
        return byte == ASCII.lineFeed && !isOpen ? nil : "a line without its end"
      }
      guard byte >= 0x20, byte != 0x7f else { return "a control byte" }
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isOpen.toggle()
      }
    }
    return "no line"
  }
}
