import HTTPCore
import TestSupport
import Testing

private typealias Frames = HTTP2Frames

@Suite("HTTP/2 answers")
struct SessionOutputTests {
  private let session: ServerSession

  init() throws {
    session = try ServerSession(SessionLimits(head: HeadLimits(), streams: 100))
  }

  private func greet(window: UInt32 = 65535) {
    session.output = ByteBuffer(storage: [UInt8](repeating: 0, count: 65536))
    give(Frames.preface + Frames.frame(4, 0, 0, [0, 4] + Frames.number(window)))
    give(Frames.frame(4, 1, 0))
    _ = SessionReading.drain(session)
  }

  private func give(_ input: [UInt8]) {
    var start = 0
    while start < input.count {
      start += session.receive(input.span.extracting(start..<input.count), now: 0).count
    }
  }

  private func respond(_ stream: Int32, hasBody: Bool = true, _ lines: String = "") -> Bool {
    session.respond(
      stream, octets("HTTP/1.1 200 OK\r\n\(lines)\r\n").span, hasBody: hasBody)
  }

  private func sent() -> [HTTP2Frame] { SessionReading.drain(session) ?? [] }

  @Test func `a body stops at the stream's window and goes on when it opens`() {
    greet(window: 3)
    give(Frames.request(1))
    #expect(respond(1))
    #expect(session.send(1, octets("abcde").span, endsStream: true) == 3)
    #expect(session.window(of: 1) == 0)
    #expect(sent().last?.payload == octets("abc"))
    give(Frames.frame(8, 0, 1, [0, 0, 0, 10]))
    #expect(session.window(of: 1) == 10)
    #expect(session.send(1, octets("de").span, endsStream: true) == 2)
    #expect(sent() == [HTTP2Frame(type: 0, flags: 1, stream: 1, payload: octets("de"))])
    #expect(session.nextClosed()?.code == 0)
  }

  @Test func `a body stops where the output has no room for it`() {
    greet(window: 1_000_000)
    give(Frames.frame(8, 0, 0, [0, 16, 0, 0]) + Frames.request(1))
    #expect(respond(1))
    let body = [UInt8](repeating: 7, count: 100_000)
    var taken = session.send(1, body.span, endsStream: true)
    #expect(taken > 30_000)
    #expect(taken < 65536)
    var frames = sent()
    while taken < body.count {
      let count = session.send(1, body.span.extracting(taken..<body.count), endsStream: true)
      #expect(count > 0)
      taken += count
      frames += sent()
    }
    #expect(frames.filter { $0.type == 0 }.map(\.payload.count).reduce(0, +) == body.count)
    #expect(frames.last?.flags == 1)
  }

  @Test func `windows may be given back for a large answer after all of it was sent`() {
    greet(window: 16 << 20)
    give(Frames.frame(8, 0, 0, [0x01, 0, 0, 0]) + Frames.request(1))
    #expect(respond(1))
    let piece = [UInt8](repeating: 7, count: 16_384)
    for _ in 0..<640 {
      var taken = 0
      while taken < piece.count {
        taken += session.send(
          1, piece.span.extracting(taken..<piece.count), endsStream: false)
        _ = sent()
      }
    }
    // Clients that answer each frame give back both windows.
    for _ in 0..<640 {
      give(Frames.frame(8, 0, 0, [0, 0, 64, 0]) + Frames.frame(8, 0, 1, [0, 0, 64, 0]))
    }
    #expect(!sent().contains { $0.type == 7 })
  }

  @Test func `without storage nothing is taken`() {
    greet()
    give(Frames.request(1))
    #expect(respond(1))
    _ = session.output.takeStorage()
    #expect(session.send(1, octets("body").span, endsStream: true) == 0)
    session.output = ByteBuffer(storage: [UInt8](repeating: 0, count: 65536))
    #expect(session.send(1, octets("body").span, endsStream: true) == 4)
  }

  @Test func `an answer of unknown length is ended by a frame of its own`() {
    greet()
    give(Frames.request(1))
    #expect(respond(1))
    #expect(session.send(1, octets("body").span, endsStream: false) == 4)
    #expect(sent().last?.flags == 0)
    #expect(session.end(1))
    #expect(sent() == [HTTP2Frame(type: 0, flags: 1, stream: 1, payload: [])])
  }

  @Test func `a head without a body ends the stream`() {
    greet()
    give(Frames.request(1, "HEAD"))
    #expect(respond(1, hasBody: false))
    let frames = sent()
    #expect(frames.map(\.type) == [1])
    #expect(frames.first?.flags == 5)
  }

  @Test func `a head of 64,000 bytes in 200 fields goes out whole`() throws {
    greet()
    give(Frames.request(1))
    // A byte that HPACK's code makes longer, so that nothing becomes smaller on its way.
    let value = String(repeating: "{", count: 64_000 / 200 - 12)
    let lines = (0..<200).map { "X-\(1000 + $0): \(value)\r\n" }.joined()
    #expect(respond(1, lines))
    var frames = sent()
    #expect(session.send(1, octets("body").span, endsStream: true) == 4)
    frames += sent()
    #expect(frames.first?.type == 1)
    let head = frames.filter { $0.type == 1 || $0.type == 9 }
    #expect(head.map(\.payload.count).reduce(0, +) > 60_000)
    #expect(head.last?.flags == 4)
    #expect(frames.last == HTTP2Frame(type: 0, flags: 1, stream: 1, payload: octets("body")))
  }

  @Test(arguments: [true, false])
  func `a head that is too large for the library ends its stream`(hasBody: Bool) {
    greet()
    give(Frames.request(1) + Frames.request(3))
    #expect(respond(1, hasBody: hasBody, "X: \(String(repeating: "x", count: 500_000))\r\n"))
    #expect(respond(3, hasBody: false))
    let frames = sent()
    #expect(frames.filter { $0.stream == 1 }.map(\.code) == [ErrorCode.internalError.rawValue])
    #expect(frames.contains { $0.stream == 3 && $0.type == 1 })
    var codes: [Int32: UInt32] = [:]
    while let closed = session.nextClosed() { codes[closed.stream] = closed.code }
    #expect(codes == [1: ErrorCode.internalError.rawValue, 3: 0])
  }

  @Test func `an interim head that is too large ends its stream`() {
    greet()
    give(Frames.request(1))
    let long = String(repeating: "x", count: 500_000)
    session.inform(1, octets("HTTP/1.1 103 Early Hints\r\nLink: \(long)\r\n\r\n").span)
    #expect(sent().map(\.code) == [ErrorCode.internalError.rawValue])
  }

  @Test func `a stream that is gone takes nothing`() {
    greet()
    give(Frames.request(1) + Frames.frame(3, 0, 1, [0, 0, 0, 8]))
    #expect(session.nextClosed()?.code == 8)
    _ = respond(1)
    #expect(session.send(1, octets("body").span, endsStream: true) == 0)
    #expect(!sent().contains { $0.stream == 1 })
  }

  @Test func `the window of a body is given back as it is taken`() {
    greet()
    give(Frames.request(1, "POST", ended: false))
    let piece = String(repeating: "x", count: 16384)
    for _ in 0..<40 {
      give(Frames.data(1, piece, ended: false))
      session.consume(1, piece.utf8.count)
    }
    let updates = sent().filter { $0.type == 8 && $0.stream == 1 }
    #expect(!updates.isEmpty)
  }

  @Test func `a body above the window is a flow-control error`() {
    greet()
    give(Frames.request(1, "POST", ended: false))
    let piece = String(repeating: "x", count: 16384)
    for _ in 0...(FixedLimits.streamWindowBytes / 16384) {
      give(Frames.data(1, piece, ended: false))
    }
    #expect(sent().first { $0.type == 3 }?.code == ErrorCode.flowControlError.rawValue)
  }

  @Test func `the end is announced, then decided`() {
    greet()
    session.announceEnd()
    give(Frames.request(1))
    session.refuseFurther()
    let last = sent().filter { $0.type == 7 }.map { Array($0.payload[..<4]) }
    #expect(last == [[0x7f, 0xff, 0xff, 0xff], [0, 0, 0, 1]])
    #expect(!session.isOver)
    #expect(respond(1, hasBody: false))
    _ = sent()
    #expect(session.isOver)
  }
}
