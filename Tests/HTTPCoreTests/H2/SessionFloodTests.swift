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

  /// How many such frames are taken before the session ends as it must.
  func endures(_ most: Int, _ frame: (Int) -> [UInt8]) -> Int {
    for count in 0..<most {
      let code = give(frame(count)).last { $0.type == 7 }?.code
      if let code { return code == ErrorCode.enhanceYourCalm.rawValue ? count : -1 }
    }
    return most
  }
}

@Suite("HTTP/2 frames that bring nothing")
struct SessionFloodTests {
  @Test(arguments: [
    (Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]), FixedLimits.controlFrames.burst - 1),
    (Frames.frame(4, 0, 0), FixedLimits.controlFrames.burst - 1),
    (Frames.frame(8, 0, 0, [0, 0, 0, 1]), FixedLimits.windowUpdates.burst),
    (Frames.frame(2, 0, 1, [0, 0, 0, 0, 1]), FixedLimits.priorities.burst),
    (Frames.frame(0x42, 0, 0), FixedLimits.priorities.burst),
  ])
  func `so many are taken, and no more`(frame: [UInt8], count: Int) throws {
    #expect(try Flooded().endures(5000) { _ in frame } == count)
  }

  @Test(arguments: [Frames.frame(0, 0, 1), Frames.frame(0, 8, 1, [2, 0, 0])])
  func `data without data is counted`(frame: [UInt8]) throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    #expect(flooded.endures(5000) { _ in frame } == FixedLimits.emptyFrames.burst)
  }

  @Test func `data is not counted, however little`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    #expect(flooded.endures(500) { _ in Frames.data(1, "x", ended: false) } == 500)
  }

  @Test func `resets are counted, whoever sends them`() throws {
    let own = try Flooded().endures(5000) { number in
      let stream = UInt32(number * 2 + 1)
      return Frames.request(stream) + Frames.frame(3, 0, stream, [0, 0, 0, 8])
    }
    #expect(own == FixedLimits.resets.burst)
    let provoked = try Flooded().endures(5000) { number in
      Frames.request(UInt32(number * 2 + 1), "GET", "/", [("connection", "close")])
    }
    #expect(provoked == FixedLimits.resets.burst)
  }

  @Test func `our own resets are not the client's fault`() throws {
    let flooded = try Flooded()
    let count = flooded.endures(1000) { number in
      let stream = UInt32(number * 2 + 1)
      if number > 0 { flooded.session.reset(Int32(stream - 2), .internalError) }
      return Frames.request(stream)
    }
    #expect(count == 1000)
  }

  @Test func `allowances grow back with time`() throws {
    let flooded = try Flooded()
    let ping = Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
    let count = flooded.endures(1000) { _ in
      flooded.seconds += 1
      return ping
    }
    #expect(count == 1000)
  }

  @Test func `a head has so many continuations`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.frame(1, 1, 1))
    #expect(flooded.endures(100) { _ in Frames.frame(9, 0, 1) } == FixedLimits.continuations)
  }

  @Test func `a head has so many bytes before it is understood`() throws {
    let flooded = try Flooded()
    let piece = [UInt8](repeating: 0x82, count: 16384)
    flooded.give(Frames.frame(1, 1, 1))
    #expect(flooded.endures(100) { _ in Frames.frame(9, 0, 1, piece) } < 6)
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

  @Test func `heads behind our goodbye are passed over and counted`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    flooded.session.refuseFurther()
    flooded.give([])
    let taken = flooded.endures(5000) { number in
      Frames.request(UInt32(number / 2 * 2 + 3))
    }
    #expect(taken == FixedLimits.strayHeads.burst)
  }

  @Test func `an end of data on a stream that is gone is counted`() throws {
    let flooded = try Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    flooded.session.reset(1, .cancel)
    flooded.give([])
    #expect(flooded.endures(5000) { _ in Frames.data(1, "") } == FixedLimits.emptyFrames.burst)
  }
}
