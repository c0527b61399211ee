import HTTPCore
import TestSupport
import Testing

private typealias Frames = HTTP2Frames

/// A session that has been greeted, and the time that it is told.
private final class Flooded {
  let session = ServerSession(SessionLimits(head: HeadLimits(), streams: 100))
  var seconds = 0

  init() {
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
  func `so many are taken, and no more`(frame: [UInt8], count: Int) {
    #expect(Flooded().endures(5000) { _ in frame } == count)
  }

  @Test(arguments: [Frames.frame(0, 0, 1), Frames.frame(0, 8, 1, [2, 0, 0])])
  func `data without data is counted`(frame: [UInt8]) {
    let flooded = Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    #expect(flooded.endures(5000) { _ in frame } == FixedLimits.emptyFrames.burst)
  }

  @Test func `data is not counted, however little`() {
    let flooded = Flooded()
    flooded.give(Frames.request(1, "POST", ended: false))
    #expect(flooded.endures(500) { _ in Frames.data(1, "x", ended: false) } == 500)
  }

  @Test func `resets are counted, whoever sends them`() {
    let own = Flooded().endures(5000) { number in
      let stream = UInt32(number * 2 + 1)
      return Frames.request(stream) + Frames.frame(3, 0, stream, [0, 0, 0, 8])
    }
    #expect(own == FixedLimits.resets.burst)
    let provoked = Flooded().endures(5000) { number in
      Frames.request(UInt32(number * 2 + 1), "GET", "/", [("connection", "close")])
    }
    #expect(provoked == FixedLimits.resets.burst)
  }

  @Test func `our own resets are not the client's fault`() {
    let flooded = Flooded()
    let count = flooded.endures(1000) { number in
      let stream = UInt32(number * 2 + 1)
      if number > 0 { flooded.session.reset(Int32(stream - 2), .internalError) }
      return Frames.request(stream)
    }
    #expect(count == 1000)
  }

  @Test func `allowances grow back with time`() {
    let flooded = Flooded()
    let ping = Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
    let count = flooded.endures(1000) { _ in
      flooded.seconds += 1
      return ping
    }
    #expect(count == 1000)
  }

  @Test func `a head has so many continuations`() {
    let flooded = Flooded()
    flooded.give(Frames.frame(1, 1, 1))
    #expect(flooded.endures(100) { _ in Frames.frame(9, 0, 1) } == FixedLimits.continuations)
  }

  @Test func `a head has so many bytes before it is understood`() {
    let flooded = Flooded()
    let piece = [UInt8](repeating: 0x82, count: 16384)
    flooded.give(Frames.frame(1, 1, 1))
    #expect(flooded.endures(100) { _ in Frames.frame(9, 0, 1, piece) } < 6)
  }
}
