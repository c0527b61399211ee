import EventLoop
import TestSupport

@testable import EdgeProxy

/// An instance whose every step comes from the input.
final class FuzzedInstance {
  let name: String
  let node: ScriptedNode
  private let speaksHTTP: Bool
  private let ledger: AnswerLedger
  private(set) var calls: [InstanceCall] = []

  init(_ name: String, speaksHTTP: Bool, overTCP: Bool = false, _ ledger: AnswerLedger) throws {
    self.name = name
    self.speaksHTTP = speaksHTTP
    self.ledger = ledger
    node = try ScriptedNode(overTCP: overTCP)
  }

  /// One step of one call, if there is any.
  func step(_ choices: inout Choices) throws {
    try hear()
    guard !calls.isEmpty else { return ledger.tell("\(name): nobody calls") }
    let index = choices.below(calls.count)
    let call = calls[index]
    call.step(&choices)
    if call.isOver { calls.remove(at: index) }
  }

  /// Takes calls, and what was said on all of them.
  func hear() throws {
    while let call = try node.accept() {
      calls.append(
        InstanceCall(
          call, name: name, speaksHTTP: speaksHTTP, canReset: node.address.family != .unix, ledger))
    }
    for call in calls { call.hear() }
    calls.removeAll { $0.isOver }
  }

  /// Answers all that was asked, as an instance does that is well.
  func answerAll() throws {
    try hear()
    for call in calls { call.answerWhole() }
    calls.removeAll { $0.isOver }
  }

  func end() throws {
    try hear()
    for call in calls { call.end() }
    calls = []
    node.stop()
  }
}

/// One connection to an instance: requests, and their answers in pieces.
final class InstanceCall {
  private struct Asked {
    let id: Int
    let method: String
    let bodyBytes: Int
    var bodyHeard = 0
  }

  private struct Answer {
    enum Framing { case length, chunked, untilEnd }
    let id: Int
    let bytes: Int
    let framing: Framing
    var given = 0
  }

  private let call: ScriptedNode.Call
  private let name: String
  private let speaksHTTP: Bool
  /// A unix socket knows no difference between an end and a reset.
  private let canReset: Bool
  private let ledger: AnswerLedger
  private var heard: [UInt8] = []
  private var unsent: [UInt8] = []
  private var asked: Asked?
  private var answer: Answer?
  /// The request that was answered last.
  private var answered: Int?
  /// What was said is no answer, and nothing that could follow makes it one.
  private var isSpoilt = false
  private(set) var isOver = false

  init(
    _ call: ScriptedNode.Call, name: String, speaksHTTP: Bool, canReset: Bool,
    _ ledger: AnswerLedger
  ) {
    self.call = call
    self.canReset = canReset
    self.name = name
    self.speaksHTTP = speaksHTTP
    self.ledger = ledger
  }

  // MARK: Requests

  func hear() {
    heard += call.heard()
    push()
    while !isOver {
      if var asked, asked.bodyHeard < asked.bodyBytes {
        guard !heard.isEmpty else { return }
        let piece = Array(heard.prefix(asked.bodyBytes - asked.bodyHeard))
        ledger.gotBody(asked.id, piece, from: asked.bodyHeard)
        heard.removeFirst(piece.count)
        asked.bodyHeard += piece.count
        self.asked = asked
      }
      guard asked == nil, !heard.isEmpty else { return }
      guard let next = speaksHTTP ? readHead() : readPacket() else { return }
      asked = next
      ledger.tell("\(name): hears \(next.method) of \(next.id), body \(next.bodyBytes)")
    }
  }

  private func readHead() -> Asked? {
    let end = octets("\r\n\r\n")
    guard let length = heard.firstRange(of: end)?.upperBound else { return nil }
    let lines = text(heard.span.extracting(0..<length)).split(separator: "\r\n")
    heard.removeFirst(length)
    let parts = lines[0].split(separator: " ")
    let bodyBytes = lines.first { $0.lowercased().hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst("content-length:".count).drop { $0 == " " }) }
    return makeAsked(String(parts[0]), String(parts[1]), bodyBytes)
  }

  private func readPacket() -> Asked? {
    guard let block = UWSGIBlock(heard), let method = block["REQUEST_METHOD"],
      let path = block["REQUEST_URI"]
    else { return nil }
    heard = block.body
    return makeAsked(method, path, block["CONTENT_LENGTH"].flatMap { Int($0) })
  }

  private func makeAsked(_ method: String, _ path: String, _ bodyBytes: Int?) -> Asked? {
    guard let id = path.split(separator: "/").last.flatMap({ Int($0) }) else {
      ledger.complain("an instance is asked for \(path)")
      return nil
    }
    return Asked(id: id, method: method, bodyBytes: bodyBytes ?? 0)
  }

  // MARK: Answers

  func step(_ choices: inout Choices) {
    switch choices.below(16) {
    case 0...4: if answer == nil { begin(&choices) } else { give(&choices) }
    case 5...9: give(&choices)
    case 10...11: sayTooMuch(&choices)
    case 12:
      end()
    case 13:
      guard canReset else { return end() }
      ledger.tell("\(name): resets")
      call.reset()
      isOver = true
    case 14:
      guard asked != nil, answer == nil else { return }
      ledger.tell("\(name): an interim head")
      say(octets("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
    default:
      guard asked != nil, answer == nil else { return }
      ledger.tell("\(name): nonsense")
      isSpoilt = true
      say(octets(choices.one(of: ["\r\n", "HTTP/1.1 200 OK\r\nX:", "nonsense\r\n\r\n", "\0"])))
    }
  }

  private static let statuses = [200, 200, 200, 200, 404, 500, 503, 204, 304]
  private static let sizes = [0, 1, 100, 3000, 20_000, 70_000, 300_000, 1_000_000]

  /// Says the head of an answer, or as much of one as the input wants.
  private func begin(_ choices: inout Choices) {
    guard let asked, !isSpoilt else { return }
    let status = choices.one(of: Self.statuses)
    let framing = choices.one(of: [Answer.Framing.length, .length, .chunked, .untilEnd])
    let bytes = choices.one(of: Self.sizes)
    begin(asked, status: status, framing, bytes, closes: choices.below(8) == 1)
  }

  private func begin(
    _ asked: Asked, status: Int, _ framing: Answer.Framing, _ bytes: Int, closes: Bool
  ) {
    ledger.tell("\(name): \(status) for \(asked.id), \(bytes) bytes, \(framing)")
    var head = "HTTP/1.1 \(status) Word\r\nX-Tag: \(asked.id)\r\nContent-Type: text/html\r\n"
    switch framing {
    case .length: head += "Content-Length: \(bytes)\r\n"
    case .chunked: head += "Transfer-Encoding: chunked\r\n"
    case .untilEnd: break
    }
    if closes { head += "Connection: close\r\n" }
    say(octets(head + "\r\n"))
    let hasBody = asked.method != "HEAD" && status != 204 && status != 304
    if !hasBody { ledger.gave(asked.id, 0) }
    answer = Answer(id: asked.id, bytes: hasBody ? bytes : 0, framing: framing)
    if !hasBody || framing == .length && bytes == 0 {
      ledger.gave(asked.id, 0)
      finish()
    }
  }

  private func give(_ choices: inout Choices) {
    give(most: choices.one(of: [1, 100, 4000, 16_000, 70_000, 1_000_000]))
  }

  private func give(most: Int) {
    guard var answer else { return }
    let count = min(most, answer.bytes - answer.given)
    ledger.tell("\(name): \(count) bytes for \(answer.id) from \(answer.given)")
    let piece = TaggedBody.bytes(of: answer.id, from: answer.given, count: count)
    answer.given += count
    self.answer = answer
    let isLast = answer.given == answer.bytes
    if answer.framing == .chunked {
      let size = octets(String(count, radix: 16) + "\r\n")
      let ending = octets(isLast ? "\r\n0\r\n\r\n" : "\r\n")
      say(count > 0 ? size + piece + ending : isLast ? octets("0\r\n\r\n") : [])
    } else {
      say(piece)
    }
    if isLast, answer.framing != .untilEnd {
      ledger.gave(answer.id, answer.given)
      finish()
    }
  }

  private func finish() {
    answered = answer?.id
    answer = nil
    asked = nil
    hear()
  }

  /// Says more than the answer that was given, while nothing else has been asked.
  private func sayTooMuch(_ choices: inout Choices) {
    hear()
    guard let answered, asked == nil, heard.isEmpty, unsent.isEmpty else { return }
    let surplus = octets(
      "HTTP/1.1 200 OK\r\nX-Tag: \(answered)\r\nContent-Length: 10\r\n\r\nnot yours!")
    let count = choices.one(of: [surplus.count, 1, 20])
    ledger.tell("\(name): \(count) bytes behind the answer to \(answered)")
    say(Array(surplus.prefix(count)))
    self.answered = nil
  }

  func answerWhole() {
    hear()
    if isSpoilt { return end() }
    if let asked, answer == nil, asked.bodyHeard == asked.bodyBytes {
      begin(asked, status: 200, .length, 10, closes: false)
    }
    while let answer, answer.given < answer.bytes { give(most: answer.bytes) }
    if answer != nil { end() }
  }

  /// Ends in order, which is the end of an answer that has no other.
  func end() {
    ledger.tell("\(name): ends")
    if let answer, answer.framing == .untilEnd {
      ledger.gave(answer.id, max(0, answer.given - unsent.count))
    }
    call.end()
    isOver = true
  }

  private func say(_ bytes: [UInt8]) {
    unsent += bytes
    push()
  }

  private func push() {
    while !unsent.isEmpty {
      switch call.send(unsent) {
      case .bytes(let count): unsent.removeFirst(count)
      case .wouldBlock: return
      case .failed: return unsent.removeAll()
      }
    }
  }
}
