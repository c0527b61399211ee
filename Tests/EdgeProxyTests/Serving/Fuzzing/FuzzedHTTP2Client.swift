import EventLoop
import TestSupport

@testable import EdgeProxy

/// A client of HTTP/2 that sends any frames in any order.
final class FuzzedHTTP2Client: FuzzedClient {
  private struct Stream {
    let id: Int
    var sent = 0
    var isEnded = false
    var answer: ArrivingAnswer?
  }

  let wire: WireClient
  private let ledger: AnswerLedger
  private let name: String
  private let answers = HTTP2Answers()
  private var streams: [UInt32: Stream] = [:]
  /// Streams that have not ended, in order.
  private var open: [UInt32] = []
  private var nextStream: UInt32 = 1
  /// GOAWAY without an error was read: what it does not name is not answered.
  private var lastTaken = UInt32.max
  /// The rules were broken, so that anything may be the answer.
  private var isRude = false

  init(_ wire: WireClient, _ name: String, _ choices: inout Choices, _ ledger: AnswerLedger) {
    self.wire = wire
    self.name = name
    self.ledger = ledger
    wire.send(HTTP2Frames.preface)
    sendSettings(&choices)
    if choices.below(4) > 0 { sendWindow(0, 1 << 30) }
  }

  // MARK: Frames

  private static let windows: [UInt32] = [0, 1, 100, 65_535, 1 << 20, 1 << 24, 0x7fff_ffff]
  private static let increments: [UInt32] = [1, 100, 65_535, 1 << 20, 0x7fff_ffff, 0x7fff_ffff, 0]

  func step(_ choices: inout Choices) {
    switch choices.below(16) {
    case 0...3: request(&choices, times: 1)
    case 4: request(&choices, times: 1 + choices.below(99))
    case 5...6: sendData(&choices)
    case 7: sendTrailers(&choices)
    case 8: reset(&choices)
    case 9...10: window(&choices)
    case 11: sendSettings(&choices)
    case 12: sendOther(&choices)
    case 13: crowd(&choices)
    case 14: if choices.below(2) == 1 { webSocket() } else { sendWindow(0, 1 << 20) }
    default:
      switch choices.below(8) {
      case 0: leave()
      case 1: wire.endSending()
      default: request(&choices, times: 1)
      }
    }
  }

  private func leave() {
    ledger.tell("\(name): closes")
    wire.close()
  }

  /// Sends the same request so many times, each on a stream of its own.
  private func request(_ choices: inout Choices, times: Int) {
    let ending = choices.below(6)
    let kind = choices
    for _ in 0..<times {
      // The same choices each time.
      choices = kind
      let request = FuzzedRequest(&choices, ledger)
      begin(request, ended: ending < 3)
      guard let stream = open.last else { return }
      // The rest may follow at once, and come before the answer has gone out.
      if ending == 4 { sendData(stream, count: 100, ends: true) }
      if ending == 5 { sendTrailers(stream, isMalformed: false) }
    }
  }

  private func begin(_ request: FuzzedRequest, ended: Bool) {
    let stream = nextStream
    nextStream += 2
    streams[stream] = Stream(id: request.id, isEnded: ended)
    open.append(stream)
    answers.asked(stream)
    if ended { ledger.sentWhole(request.id) }
    ledger.tell("\(name): stream \(stream), ended \(ended)")
    wire.send(
      HTTP2Frames.request(stream, request.method, request.path, request.fields, ended: ended))
  }

  /// Sends requests that are answered at once, then something that ends an older stream.
  ///
  /// How full the output is, and how much waits behind it, is the input's choice.
  private func crowd(_ choices: inout Choices) {
    let stream = someStream(&choices)
    let filler = ServingFuzz.fillerIndex
    let crowd: [(String, String, AnswerLedger.Target, Int)] = [
      ("GET", "/files/\(filler)", ServingFuzz.file(filler), choices.below(2)),
      ("GET", "/respond", .own, choices.below(64)), ("HEAD", "/respond", .own, choices.below(99)),
    ]
    for (method, path, target, count) in crowd {
      ledger.tell("\(name): \(count) times \(method) \(path)")
      for _ in 0..<count {
        let id = ledger.begin(method, target)
        begin(FuzzedRequest(method, path, id), ended: true)
      }
    }
    guard let stream else { return }
    isRude = true
    switch choices.below(3) {
    case 0: sendWindow(stream, 0x7fff_ffff)
    case 1: wire.send(HTTP2Frames.frame(1, 5, stream, HTTP2Frames.block([(":path", "/")])))
    default: wire.send(HTTP2Frames.frame(3, 0, stream, HTTP2Frames.number(8)))
    }
  }

  private func someStream(_ choices: inout Choices) -> UInt32? {
    guard !open.isEmpty else { return nil }
    // The first ones are the longest under way.
    return open[choices.below(min(open.count, 100))]
  }

  private func sendData(_ choices: inout Choices) {
    guard let stream = someStream(&choices) else { return }
    sendData(
      stream, count: choices.one(of: [0, 1, 100, 3000, 16_384]), ends: choices.below(2) == 0)
  }

  private func sendData(_ stream: UInt32, count: Int, ends: Bool) {
    guard var state = streams[stream] else { return }
    if state.isEnded { isRude = true }
    ledger.tell("\(name): \(count) bytes on \(stream), ended \(ends)")
    ledger.sentBody(state.id, count)
    let bytes = TaggedBody.bytes(
      of: AnswerLedger.bodyTag(of: state.id), from: state.sent, count: count)
    state.sent += count
    if ends, !state.isEnded {
      ledger.sentWhole(state.id)
      state.isEnded = true
    }
    streams[stream] = state
    wire.send(HTTP2Frames.frame(0, ends ? 1 : 0, stream, bytes))
  }

  private func sendTrailers(_ choices: inout Choices) {
    guard let stream = someStream(&choices) else { return }
    sendTrailers(stream, isMalformed: choices.below(4) == 1)
  }

  private func sendTrailers(_ stream: UInt32, isMalformed: Bool) {
    guard let state = streams[stream] else { return }
    ledger.tell("\(name): trailers on \(stream), malformed \(isMalformed)")
    if state.isEnded || isMalformed { isRude = true }
    streams[stream]?.isEnded = true
    ledger.sentWhole(state.id)
    let field = isMalformed ? (":path", "/") : ("x-checksum", "1")
    wire.send(HTTP2Frames.frame(1, 5, stream, HTTP2Frames.block([field])))
  }

  private func reset(_ choices: inout Choices) {
    guard let stream = someStream(&choices) else { return }
    ledger.tell("\(name): resets \(stream)")
    open.removeAll { $0 == stream }
    wire.send(HTTP2Frames.frame(3, 0, stream, HTTP2Frames.number(8)))
  }

  private func window(_ choices: inout Choices) {
    guard let stream = someStream(&choices) else { return }
    let more = choices.one(of: Self.increments)
    if more == 0 || more > 1 << 30 { isRude = true }
    sendWindow(stream, more)
  }

  private func sendWindow(_ stream: UInt32, _ more: UInt32) {
    ledger.tell("\(name): window of \(stream) + \(more)")
    wire.send(HTTP2Frames.frame(8, 0, stream, HTTP2Frames.number(more)))
  }

  private func sendSettings(_ choices: inout Choices) {
    var payload: [UInt8] = []
    var tableSize: Int?
    let window = choices.one(of: Self.windows)
    payload += [0, 4] + HTTP2Frames.number(window)
    // Windows that were opened before may come to more than there can be.
    if window > 1 << 24, nextStream > 1 { isRude = true }
    if choices.below(8) == 1 {
      let size = choices.one(of: [0, 64, 4096, 65_536])
      tableSize = size
      payload += [0, 1] + HTTP2Frames.number(UInt32(size))
    }
    ledger.tell("\(name): settings, window \(window), table \(tableSize ?? -1)")
    answers.sentSettings(tableSize: tableSize)
    wire.send(HTTP2Frames.frame(4, 0, 0, payload))
  }

  private func sendOther(_ choices: inout Choices) {
    let kind = choices.below(8)
    let stream = someStream(&choices) ?? 1
    ledger.tell("\(name): another frame, \(kind) on \(stream)")
    switch kind {
    case 0...1: wire.send(HTTP2Frames.frame(6, 0, 0, [UInt8](repeating: 7, count: 8)))
    case 2: wire.send(HTTP2Frames.frame(2, 0, stream, HTTP2Frames.number(0) + [16]))
    case 3: wire.send(HTTP2Frames.frame(0xee, 0, stream, [1, 2, 3]))
    case 4:
      isRude = true
      wire.send(HTTP2Frames.frame(7, 0, 0, HTTP2Frames.number(0) + HTTP2Frames.number(0)))
    case 5:
      isRude = true
      wire.send(HTTP2Frames.frame(UInt8(choices.below(12)), UInt8(choices.byte()), stream, []))
    case 6:
      isRude = true
      wire.send(HTTP2Frames.frame(1, 0, nextStream, HTTP2Frames.block([(":method", "GET")])))
    default: wire.send(HTTP2Frames.frame(4, 1, 0))
    }
  }

  private func webSocket() {
    let id = ledger.begin("CONNECT", .own)
    let stream = nextStream
    nextStream += 2
    streams[stream] = Stream(id: id)
    open.append(stream)
    answers.asked(stream)
    ledger.tell("\(name): WebSocket on \(stream) for \(id)")
    let fields = [
      (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
      (":path", "/pooled/\(id)"), (":authority", "a.test"), ("sec-websocket-version", "13"),
    ]
    wire.send(HTTP2Frames.frame(1, 4, stream, HTTP2Frames.block(fields)))
  }

  // MARK: Answers

  @discardableResult
  func read(most: Int) -> Int {
    wire.push()
    let bytes = wire.read(most: most)
    if !bytes.isEmpty { ledger.tell("\(name): reads \(bytes.count) bytes") }
    answers.receive(bytes) { event in take(event) }
    if let complaint = answers.complaint { ledger.complain("\(name): \(complaint)") }
    return bytes.count
  }

  private func take(_ event: HTTP2Answers.Event) {
    switch event {
    case .head(let stream, let status, let fields, let ended):
      guard let id = streams[stream]?.id else { return }
      ledger.tell("\(name): \(status) on \(stream)")
      streams[stream]?.answer = ArrivingAnswer(to: id, status: status, fields, ledger)
      if ended { end(stream) }
    case .data(let stream, let bytes, let ended):
      streams[stream]?.answer?.take(bytes, ledger)
      if ended { end(stream) }
    case .reset(let stream, let code):
      ledger.tell("\(name): stream \(stream) is reset, \(code)")
      open.removeAll { $0 == stream }
    case .goAway(let last, let code):
      ledger.tell("\(name): GOAWAY \(last), \(code)")
      lastTaken = last
      if code != 0 { isRude = true }
    }
  }

  private func end(_ stream: UInt32) {
    ledger.tell("\(name): the end on \(stream)")
    streams[stream]?.answer?.end(ledger)
    open.removeAll { $0 == stream }
  }

  // MARK: The end

  private static let openWindow = HTTP2Frames.number(1 << 20)

  func openUp() -> Int {
    let count = read(most: .max)
    for stream in open { wire.send(HTTP2Frames.frame(8, 0, stream, Self.openWindow)) }
    if !open.isEmpty { wire.send(HTTP2Frames.frame(8, 0, 0, Self.openWindow)) }
    return count
  }

  func complainOfSilence() {
    guard !isRude, !wire.isClosed, !wire.isEnded else { return }
    for stream in open where stream <= lastTaken {
      guard let state = streams[stream], state.isEnded, !answers.isEnded(stream) else { continue }
      ledger.complain("\(name): stream \(stream), request \(state.id), was never answered")
    }
  }
}
