import EventLoop
import TestSupport

@testable import EdgeProxy

/// A client of HTTP/1.1 that pipelines, stops in between and leaves early.
final class FuzzedHTTP1Client: FuzzedClient {
  private enum Reading {
    case head
    case length(left: Int)
    case chunkSize
    case chunk(left: Int)
    case untilEnd
    case over
  }

  let wire: WireClient
  private let ledger: AnswerLedger
  private let name: String
  /// Requests that were sent and not answered, in order.
  private var asked: [Int] = []
  /// What of the last request has not been sent, and whose it is.
  private var unsent: (id: Int, bytes: [UInt8])?
  private var input: [UInt8] = []
  private var reading = Reading.head
  private var answer: ArrivingAnswer?
  /// Bytes were sent that are no request.
  private var isRude = false
  /// The client's side was ended; what had not been sent by then never comes.
  private var isHalfClosed = false

  init(_ wire: WireClient, _ name: String, _ ledger: AnswerLedger) {
    self.wire = wire
    self.name = name
    self.ledger = ledger
  }

  // MARK: Requests

  private static let nonsense = ["\r\n", "GET", "GET / HTTP/1.1\r\n\r\n", "x\r\n\r\n"]

  func step(_ choices: inout Choices) {
    switch choices.below(16) {
    case 0...7: request(&choices)
    case 8...12: sendMore(&choices)
    case 13:
      ledger.tell("\(name): nonsense")
      isRude = true
      wire.send(choices.one(of: Self.nonsense))
    case 14:
      ledger.tell("\(name): ends its side")
      isHalfClosed = true
      wire.endSending()
    default:
      if choices.below(4) == 1 {
        ledger.tell("\(name): closes")
        wire.close()
      }
    }
  }

  private func request(_ choices: inout Choices) {
    finishSending()
    let kind = choices.below(8)
    let request = FuzzedRequest(&choices, ledger)
    var head = "\(request.method) \(request.path) HTTP/1.1\r\nHost: a.test\r\n"
    for (name, value) in request.fields { head += "\(name): \(value)\r\n" }
    if kind == 1 { head += "Connection: close\r\n" }
    let tag = AnswerLedger.bodyTag(of: request.id)
    var bytes: [UInt8]
    if kind == 2 || kind == 3 {
      let count = choices.one(of: [1, 100, 5000, 70_000])
      let body = TaggedBody.bytes(of: tag, from: 0, count: count)
      ledger.sentBody(request.id, count)
      bytes = octets(head + "Content-Length: \(count)\r\n\r\n") + body
    } else if kind == 4 {
      let body = TaggedBody.bytes(of: tag, from: 0, count: 300)
      ledger.sentBody(request.id, 300)
      bytes =
        octets(head + "Transfer-Encoding: chunked\r\n\r\n12C\r\n") + body
        + octets("\r\n0\r\n\r\n")
    } else {
      bytes = octets(head + "\r\n")
    }
    asked.append(request.id)
    unsent = (request.id, bytes)
    sendMore(&choices)
  }

  private func sendMore(_ choices: inout Choices) {
    guard let (id, bytes) = unsent else { return }
    let count = min(bytes.count, choices.one(of: [1_000_000, 1_000_000, 1, 20, 1000]))
    ledger.tell("\(name): \(count) of \(bytes.count) bytes for \(id)")
    wire.send(Array(bytes.prefix(count)))
    unsent = count == bytes.count ? nil : (id, Array(bytes.dropFirst(count)))
    if unsent == nil { ledger.sentWhole(id) }
  }

  private func finishSending() {
    guard let (id, bytes) = unsent else { return }
    wire.send(bytes)
    ledger.sentWhole(id)
    unsent = nil
  }

  // MARK: Answers

  @discardableResult
  func read(most: Int) -> Int {
    wire.push()
    let bytes = wire.read(most: most)
    if !bytes.isEmpty { ledger.tell("\(name): reads \(bytes.count) bytes") }
    input += bytes
    while takeStep() {}
    if wire.isEnded, case .untilEnd = reading {
      // An end in order and a reset look alike on this socket.
      reading = .over
    }
    return bytes.count
  }

  /// Takes one part of an answer; `false` where more bytes are needed.
  private func takeStep() -> Bool {
    switch reading {
    case .head: return takeHead()
    case .length(let left):
      let count = min(left, input.count)
      guard count > 0 else { return false }
      take(count)
      if count == left { end() } else { reading = .length(left: left - count) }
    case .chunkSize:
      guard let line = input.firstRange(of: [13, 10]) else { return false }
      let size = Int(text(input.span.extracting(0..<line.lowerBound)), radix: 16)
      guard let size else { return complain("a chunk size that is none") }
      guard size == 0 || input.count > line.upperBound else { return false }
      if size == 0 {
        guard input.count >= line.upperBound + 2 else { return false }
        input.removeFirst(line.upperBound + 2)
        end()
      } else {
        input.removeFirst(line.upperBound)
        reading = .chunk(left: size)
      }
    case .chunk(let left):
      let count = min(left, input.count)
      if count > 0 { take(count) }
      reading = .chunk(left: left - count)
      guard count == left else { return false }
      guard input.count >= 2 else { return false }
      input.removeFirst(2)
      reading = .chunkSize
    case .untilEnd:
      guard !input.isEmpty else { return false }
      take(input.count)
    case .over:
      if isRude { input = [] }
      guard !input.isEmpty else { return false }
      return complain("bytes behind the last answer")
    }
    return true
  }

  private func takeHead() -> Bool {
    guard let length = input.firstRange(of: octets("\r\n\r\n"))?.upperBound else { return false }
    let lines = text(input.span.extracting(0..<(length - 4))).split(separator: "\r\n")
    input.removeFirst(length)
    guard let first = lines.first, first.hasPrefix("HTTP/1.1 "),
      let status = Int(first.dropFirst(9).prefix(3))
    else { return complain("a head without a status: \(lines)") }
    if (100..<200).contains(status) { return true }
    let fields = lines.dropFirst().map { line in
      let colon = line.firstIndex(of: ":") ?? line.endIndex
      return (
        name: line[..<colon].lowercased(),
        value: String(line[colon...].dropFirst().drop { $0 == " " })
      )
    }
    ledger.tell("\(name): \(status)")
    guard !asked.isEmpty else {
      if isRude { reading = .over; input = []; return false }
      // A connection that had no request may be told why it ends.
      return complain("an answer to nothing: \(lines)")
    }
    let id = asked.removeFirst()
    if isRude {
      // Which request an answer belongs to is not known any more.
      reading = .over
      input = []
      return false
    }
    answer = ArrivingAnswer(to: id, status: status, fields, ledger)
    settleFraming(id, status, fields)
    return true
  }

  private func settleFraming(_ id: Int, _ status: Int, _ fields: [(name: String, value: String)]) {
    func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    if ledger.requests[id].method == "HEAD" || status == 204 || status == 304 {
      end()
    } else if field("transfer-encoding") == "chunked" {
      reading = .chunkSize
    } else if let count = field("content-length").flatMap({ Int($0) }) {
      if count == 0 { end() } else { reading = .length(left: count) }
    } else {
      reading = .untilEnd
    }
  }

  private func take(_ count: Int) {
    answer?.take(Array(input.prefix(count)), ledger)
    input.removeFirst(count)
  }

  private func end() {
    ledger.tell("\(name): the end of an answer")
    answer?.end(ledger)
    answer = nil
    reading = .head
  }

  private func complain(_ text: String) -> Bool {
    ledger.complain("\(name): \(text)")
    reading = .over
    input = []
    return false
  }

  // MARK: The end

  func openUp() -> Int {
    finishSending()
    return read(most: .max)
  }

  func complainOfSilence() {
    guard !isRude, !isHalfClosed, !wire.isClosed, !wire.isEnded else { return }
    for id in asked where ledger.requests[id].isWhole {
      ledger.complain("\(name): request \(id) was never answered")
    }
  }
}
