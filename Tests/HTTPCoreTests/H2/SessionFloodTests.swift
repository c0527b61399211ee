import HTTPCore
import TestSupport
import Testing

private typealias Frames = HTTP2Frames

/// A session that has been greeted, and the time that it is told.
private final class Flooded {
  let session: ServerSession
  var seconds = 0

  init() throws {
    session = try ServerSession(SessionLimits(head: HeadLimits(), streams: 100))
    session.output = ByteBuffer(storage: [UInt8](repeating: 0, count: 65536))
    give(Frames.greeting)
  }

  @discardableResult
  func give(_ input: [UInt8]) -> [HTTP2Frame] {
    var start = 0
    while start < input.count {
      let now = Int64(seconds) * 1_000_000_000
      start += session.receive(input.span.extracting(start..<input.count), now: now).count
    }
    while session.nextClosed() != nil {}
    return SessionReading.drain(session) ?? []
  }

  /// How many such frames are taken before the client is told to stop, and before it is cut off.
  func endures(_ most: Int, _ frame: (Int) -> [UInt8]) -> Endurance {
    var told: Int?
    for count in 0..<most {
      let goodbyes = give(frame(count)).filter { $0.type == 7 }
      guard goodbyes.allSatisfy({ $0.code == ErrorCode.enhanceYourCalm.rawValue }) else { break }
      if !goodbyes.isEmpty { told = told ?? count }
      if session.cut != nil { return Endurance(told: told, cut: count) }
    }
    return Endurance(told: told, cut: nil)
  }
}

private struct Endurance: Equatable {
  /// Frames taken before the GOAWAY, and before the end; `nil` where it never came.
  var told: Int?
  var cut: Int?

  static let endless = Endurance(told: nil, cut: nil)

  /// What an allowance gives: a burst, and some more bursts for who goes on.
  init(burst: Int) {
    told = burst
    cut = burst * (1 + FixedLimits.burstsAfterGoodbye)
  }

  init(told: Int?, cut: Int?) {
    self.told = told
    self.cut = cut
  }
}

@Suite("HTTP/2 frames that bring nothing")
struct SessionFloodTests {
  @Test(arguments: [
    (Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]), FixedLimits.controlFrames.burst, 1),
    (Frames.frame(4, 0, 0), FixedLimits.controlFrames.burst, 1),
    (Frames.frame(8, 0, 0, [0, 0, 0, 1]), FixedLimits.windowUpdates.burst, 0),
    (Frames.frame(2, 0, 1, [0, 0, 0, 0, 1]), FixedLimits.priorities.burst, 0),
    (Frames.frame(0x42, 0, 0), FixedLimits.priorities.burst, 0),
  ])
  func `so many are taken, and no more`(frame: [UInt8], burst: Int, greeting: Int) throws {
    var expected = Endurance(burst: burst)
    expected.told? -= greeting
    expected.cut? -= greeting
    #expect(try Flooded().endures(9000) { _ in frame } == expected)
  }

  @Test(arguments: [Frames.frame(0, 0, 1), Frames.frame(0, 8, 1, [2, 0, 0])])
  func `data without data is counted`(frame: [UInt8]) throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    let earned = FixedLimits.emptyFramesPerRequest
    var expected = Endurance(burst: FixedLimits.emptyFrames.burst)
    expected.told? += earned
    expected.cut? += earned
    #expect(flooded.endures(5000) { _ in frame } == expected)
  }

  @Test func `data is not counted, however little`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    #expect(flooded.endures(500) { _ in Frames.data(1, "x", ended: false) } == .endless)
  }

  @Test func `resets are counted, whoever sends them`() throws {
    let own = try Flooded().endures(5000) { number in
      let stream = UInt32(number * 2 + 1)
      return Frames.request(stream) + Frames.frame(3, 0, stream, [0, 0, 0, 8])
    }
    #expect(own.told == FixedLimits.resets.burst)
    // Requests behind the goodbye have no taker, and count as stray heads.
    let strays = Endurance(burst: FixedLimits.strayHeads.burst)
    #expect(try #require(own.cut) <= FixedLimits.resets.burst + (strays.cut ?? 0) + 1)
    let provoked = try Flooded().endures(5000) { number in
      Frames.request(UInt32(number * 2 + 1), "GET", "/", [("connection", "close")])
    }
    #expect(provoked.told == FixedLimits.resets.burst)
  }

  @Test func `our own resets are not the client's fault`() throws {
    let flooded = try Flooded()
    let count = flooded.endures(1000) { number in
      let stream = UInt32(number * 2 + 1)
      if number > 0 { flooded.session.reset(Int32(stream - 2), .internalError) }
      return Frames.request(stream)
    }
    #expect(count == .endless)
  }

  @Test func `allowances grow back with time`() throws {
    let flooded = try Flooded()
    let ping = Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
    let count = flooded.endures(1000) { _ in
      flooded.seconds += 1
      return ping
    }
    #expect(count == .endless)
  }

  @Test func `a head has so many continuations`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.frame(1, 1, 1))
    let most = FixedLimits.continuations
    let expected = Endurance(told: most, cut: most)
    #expect(flooded.endures(100) { _ in Frames.frame(9, 0, 1) } == expected)
  }

  @Test func `a head has so many bytes before it is understood`() throws {
    let flooded = try Flooded()
    let piece = [UInt8](repeating: 0x82, count: 16384)
    flooded.give(Frames.frame(1, 1, 1))
    let endurance = flooded.endures(100) { _ in Frames.frame(9, 0, 1, piece) }
    #expect(try #require(endurance.cut) < 6)
  }

  /// Heads that can belong to nothing, after what `prepare` did to streams 1 and 5.
  private func heads(
    on stream: UInt32, _ prepare: (Flooded) -> Void = { _ in }
  ) throws -> (taken: Int, code: UInt32?) {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false) + Frames.request(5))
    prepare(flooded)
    for count in 0..<5000 {
      let frames = flooded.give(Frames.frame(1, 5, stream, Frames.block([("x", "y")])))
      if let code = frames.last(where: { $0.type == 7 })?.code { return (count, code) }
    }
    return (5000, nil)
  }

  @Test func `a head on a stream that was passed over ends the connection`() throws {
    #expect(try heads(on: 3) == (0, ErrorCode.protocolError.rawValue))
  }

  @Test func `a head on a stream that the client has reset ends the connection`() throws {
    let result = try heads(on: 1) { $0.give(Frames.frame(3, 0, 1, [0, 0, 0, 8])) }
    #expect(result.taken == 0)
    let codes = [ErrorCode.protocolError.rawValue, ErrorCode.streamClosed.rawValue]
    #expect(codes.contains(result.code ?? 0))
  }

  @Test func `heads on a stream that we have reset are passed over and counted`() throws {
    let result = try heads(on: 1) { flooded in
      flooded.session.reset(1, .cancel)
      flooded.give([])
    }
    #expect(result == (FixedLimits.strayHeads.burst, ErrorCode.enhanceYourCalm.rawValue))
  }

  @Test func `trailers of a request above the limit of streams are passed over`() throws {
    let flooded = try Flooded()
    let heads = (0...100).flatMap { Frames.request(UInt32($0 * 2 + 1), "POST", ended: false) }
    let trailers = Frames.frame(1, 5, 201, Frames.block([("x", "y")]))
    let frames = flooded.give(heads + trailers)
    #expect(frames.filter { $0.type == 3 }.map(\.code) == [ErrorCode.refusedStream.rawValue])
    #expect(!frames.contains { $0.type == 7 })
  }

  @Test func `a reset of ours that is long ago is not held against the client`() throws {
    let flooded = try Flooded()
    for number in 0..<1000 {
      let stream = UInt32(number * 2 + 1)
      flooded.give(Frames.request(stream, "POST", ended: false))
      flooded.session.reset(Int32(stream), .cancel)
      flooded.give([])
    }
    let frames = flooded.give(Frames.frame(1, 5, 1, Frames.block([("x", "y")])))
    #expect(!frames.contains { $0.type == 7 })
  }

  /// What a client may send for each of its requests, and time stands still.
  @Test(arguments: [
    (Frames.frame(8, 0, 0, [0, 0, 0, 1]), FixedLimits.windowUpdatesPerRequest),
    (Frames.frame(2, 0, 1, [0, 0, 0, 0, 1]), FixedLimits.prioritiesPerRequest),
    (Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]), FixedLimits.controlFramesPerRequest),
  ])
  func `requests allow for more`(frame: [UInt8], perRequest: Int) throws {
    let flooded = try Flooded()
    let endurance = flooded.endures(2000) { number in
      let stream = UInt32(number * 2 + 1)
      if number > 0 { flooded.session.reset(Int32(stream - 2), .internalError) }
      return Frames.request(stream) + Array(repeating: frame, count: perRequest).flatMap { $0 }
    }
    #expect(endurance == .endless)
  }

  @Test func `whole answers allow for requests that are given up`() throws {
    let flooded = try Flooded()
    let endurance = flooded.endures(2000) { number in
      let (kept, given) = (UInt32(number * 4 + 1), UInt32(number * 4 + 3))
      flooded.give(Frames.request(kept))
      _ = flooded.session.respond(Int32(kept), Self.head.span, hasBody: false)
      return Frames.request(given) + Frames.frame(3, 0, given, [0, 0, 0, 8])
    }
    #expect(endurance == .endless)
  }

  private static let head = Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)

  /// Sends one DATA frame of an answer each time, as the application has it.
  private func events(window: UInt8, sends piece: [UInt8], _ reply: [UInt8]) throws -> Endurance {
    let flooded = try Flooded()
    flooded.give(Frames.frame(4, 0, 0, [0, 4, 0, 0, 0, window]) + Frames.request(1))
    _ = flooded.session.respond(1, Array("HTTP/1.1 200 OK\r\n\r\n".utf8).span, hasBody: true)
    return flooded.endures(9000) { _ in
      _ = flooded.session.send(1, piece.span, endsStream: false)
      return reply
    }
  }

  @Test func `a client may give back the window of each frame, and measure the distance`() throws {
    let reply =
      Frames.frame(8, 0, 0, [0, 0, 0, 12]) + Frames.frame(8, 0, 1, [0, 0, 0, 12])
      + Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
    let piece = [UInt8](repeating: 120, count: 12)
    #expect(try events(window: 200, sends: piece, reply) == .endless)
  }

  @Test func `a client that opens its window by single bytes earns nothing`() throws {
    let reply = Frames.frame(8, 0, 1, [0, 0, 0, 1])
    let endurance = try events(window: 1, sends: [120, 120], reply)
    #expect(try #require(endurance.told) < FixedLimits.windowUpdates.burst + 100)
    let exact = try events(window: 1, sends: [120], reply)
    #expect(try #require(exact.told) < FixedLimits.windowUpdates.burst + 100)
  }

  @Test func `what is under way when an allowance is used up is answered`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    var frames: [HTTP2Frame] = []
    for number in 1...(FixedLimits.resets.burst + 10) {
      let stream = UInt32(number * 2 + 1)
      frames += flooded.give(Frames.request(stream) + Frames.frame(3, 0, stream, [0, 0, 0, 8]))
    }
    let goodbyes = frames.filter { $0.type == 7 }
    #expect(goodbyes.count == 1)
    let words = goodbyes.first.map { String(decoding: $0.payload.dropFirst(8), as: UTF8.self) }
    #expect(words == "too many streams were reset")
    #expect(flooded.session.flood == .resets)
    #expect(flooded.session.cut == nil)
    #expect(!flooded.session.isOver)
    let input = Frames.data(1, "x")
    let received = flooded.session.receive(input.span, now: 0)
    guard case .data(1, _, ended: true) = received.event else {
      Issue.record("\(received.event)")
      return
    }
    let isSent = flooded.session.respond(1, Self.head.span, hasBody: false)
    #expect(isSent)
    let answer = SessionReading.drain(flooded.session) ?? []
    #expect(answer.contains { $0.type == 1 && $0.stream == 1 })
    #expect(flooded.session.isOver)
  }

  @Test func `a request that crosses the goodbye has no taker`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    let ping = Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
    let pings = Array(repeating: ping, count: FixedLimits.controlFrames.burst + 10)
    let input = pings.flatMap { $0 } + Frames.request(3)
    var start = 0
    while start < input.count {
      let received = flooded.session.receive(input.span.extracting(start..<input.count), now: 0)
      #expect(received.event == .nothing)
      start += received.count
    }
    #expect(flooded.session.flood == .control)
  }

  @Test func `heads behind our goodbye are passed over and counted`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    flooded.session.refuseFurther()
    flooded.give([])
    let taken = flooded.endures(5000) { number in
      Frames.request(UInt32(number / 2 * 2 + 3))
    }
    #expect(taken == Endurance(burst: FixedLimits.strayHeads.burst))
  }

  @Test func `an end of data on a stream that is gone is counted`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    flooded.session.reset(1, .cancel)
    flooded.give([])
    let endurance = flooded.endures(5000) { _ in Frames.data(1, "") }
    #expect(endurance.cut != nil)
  }
}
