import EventLoop
import Testing

private final class Source: EventSource {
  var readiness: [Readiness] = []
  var onReady: () -> Void = {}
  func ready(_ events: Readiness) {
    readiness.append(events)
    onReady()
  }
}

private final class Ending: TurnEnd {
  var count = 0
  func turnEnded() { count += 1 }
}

private final class Alarm: TimerTarget {
  var count = 0
  func timerFired(_ token: TimerToken) { count += 1 }
}

@Suite("One turn of a loop")
struct EventLoopTests {
  /// Two connected sockets.
  private final class Pair {
    let left: FileDescriptor
    let right: FileDescriptor
    init() throws {
      let (left, right) = try Socket.pair()
      self.left = FileDescriptor(owning: left)
      self.right = FileDescriptor(owning: right)
    }
  }

  private func send(_ text: String, on raw: Int32) {
    let bytes = Array(text.utf8)
    #expect(Descriptor.send(raw, bytes.span) == .bytes(bytes.count))
  }

  @Test func `a readable descriptor is reported until it is read`() throws {
    let loop = try EventLoop(clock: ManualClock())
    let pair = try Pair()
    let source = Source()
    _ = try loop.register(pair.left.raw, source, .incoming)
    send("x", on: pair.right.raw)
    try loop.turn(mayWait: false)
    try loop.turn(mayWait: false)
    #expect(source.readiness.count == 2)
    #expect(source.readiness.allSatisfy { $0.isReadable && !$0.isEnding })
  }

  @Test func `an edge-triggered descriptor is reported once for each arrival`() throws {
    let loop = try EventLoop(clock: ManualClock())
    let pair = try Pair()
    let source = Source()
    _ = try loop.register(pair.left.raw, source, .answer)
    send("x", on: pair.right.raw)
    try loop.turn(mayWait: false)
    try loop.turn(mayWait: false)
    #expect(source.readiness.count == 1)
    send("y", on: pair.right.raw)
    try loop.turn(mayWait: false)
    #expect(source.readiness.count == 2)
  }

  @Test func `the end of the peer is told from bytes`() throws {
    let loop = try EventLoop(clock: ManualClock())
    let pair = try Pair()
    let source = Source()
    _ = try loop.register(pair.left.raw, source, .incoming)
    Socket.shutdownWriting(pair.right.raw)
    try loop.turn(mayWait: false)
    #expect(source.readiness.first?.isEnding == true)
  }

  @Test func `an event of the same batch does not reach one that was forgotten`() throws {
    let loop = try EventLoop(clock: ManualClock())
    let (first, second) = (try Pair(), try Pair())
    let (one, other) = (Source(), Source())
    let token = try loop.register(first.left.raw, one, .incoming)
    let otherToken = try loop.register(second.left.raw, other, .incoming)
    one.onReady = { loop.unregister(second.left.raw, otherToken) }
    other.onReady = { loop.unregister(first.left.raw, token) }
    send("x", on: first.right.raw)
    send("x", on: second.right.raw)
    try loop.turn(mayWait: false)
    #expect(one.readiness.count + other.readiness.count == 1)
  }

  @Test func `a job from another thread wakes a waiting loop, and jobs keep their order`() throws {
    let loop = try EventLoop()
    let record = Alarm()
    loop.owner = record
    let handle = loop.handle
    let thread = try WorkerThread(name: "poster") {
      for number in 0..<100 {
        handle.post { loop in
          guard let record = loop.owner as? Alarm else { return }
          #expect(record.count == number)
          record.count += 1
          if number == 99 { loop.stop() }
        }
      }
    }
    try loop.run()
    thread.join()
    #expect(record.count == 100)
    loop.owner = nil
  }

  @Test func `a timer fires when the clock has passed it`() throws {
    let clock = ManualClock()
    let loop = try EventLoop(clock: clock)
    let alarm = Alarm()
    _ = loop.arm(alarm, after: .seconds(3))
    try loop.turn(mayWait: false)
    clock.advance(by: .milliseconds(2_999))
    try loop.turn(mayWait: false)
    #expect(alarm.count == 0)
    clock.advance(by: .milliseconds(10))
    try loop.turn(mayWait: false)
    #expect(alarm.count == 1)
  }

  @Test func `an ending runs once, at the end of the turn that asked for it`() throws {
    let loop = try EventLoop(clock: ManualClock())
    let ending = Ending()
    loop.atTurnEnd(ending)
    try loop.turn(mayWait: false)
    try loop.turn(mayWait: false)
    #expect(ending.count == 1)
  }
}
