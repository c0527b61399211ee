import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Those that wait for an instance or for a node with less to do")
struct WaitQueueTests {
  /// Writes down when it may go on and when it has waited too long.
  private final class One: Waiter {
    var place = WaitPlace.none
    let name: Int
    let diary: Diary
    var next: (One) -> Void = { _ in }

    init(_ name: Int, _ diary: Diary) {
      self.name = name
      self.diary = diary
    }

    func mayGoOn() {
      diary.released.append(name)
      next(self)
    }

    func waitEnded() { diary.ended.append(name) }
  }

  private final class Diary {
    var released: [Int] = []
    var ended: [Int] = []
  }

  private let clock = ManualClock()
  private let diary = Diary()
  private let loop: EventLoop
  private let queue: WaitQueue

  init() throws {
    loop = try EventLoop(clock: clock)
    queue = WaitQueue(loop: loop, interval: .milliseconds(100), countMax: 5)
  }

  private var later: Instant { clock.now + .seconds(10) }

  private func turn(after duration: Duration = .zero) throws {
    clock.advance(by: duration)
    try loop.turn(mayWait: false)
  }

  private func add(
    _ names: ClosedRange<Int>, until: Instant? = nil, restsUntil: Instant = Instant(nanoseconds: 0)
  ) -> [One] {
    names.map { name in
      let one = One(name, diary)
      #expect(queue.add(one, until: until ?? later, restsUntil: restsUntil))
      return one
    }
  }

  @Test func `the oldest are released, at the end of the turn`() throws {
    _ = add(1...4)
    queue.release(1)
    queue.release(2)
    #expect(diary.released.isEmpty)
    try turn()
    #expect(diary.released == [1, 2, 3] && queue.count == 1)
    queue.release(9)
    try turn()
    #expect(diary.released == [1, 2, 3, 4] && queue.isEmpty)
  }

  @Test func `one goes on every interval to find out`() throws {
    _ = add(1...3)
    try turn(after: .milliseconds(50))
    #expect(diary.released.isEmpty)
    for count in 1...3 {
      try turn(after: .milliseconds(110))
      #expect(diary.released == Array(1...count))
    }
  }

  @Test func `one that has waited as long as it may is told, and the others stay`() throws {
    _ = add(1...1, until: clock.now + .milliseconds(50))
    _ = add(2...2, until: clock.now + .milliseconds(50), restsUntil: later)
    _ = add(3...3)
    try turn(after: .milliseconds(110))
    #expect(diary.ended == [1, 2] && diary.released == [3])
  }

  @Test func `a full queue takes no more, but those that were let go have their place`() throws {
    let waiters = add(1...5)
    #expect(!queue.add(One(6, diary), until: later))
    waiters[0].next = { [queue, later] in queue.goBack($0, until: later) }
    queue.release(1)
    try turn()
    #expect(queue.count == 5 && !queue.add(One(6, diary), until: later))
  }

  @Test func `those that go back are the first again, in their order`() throws {
    let start = clock.now
    for name in 1...4 {
      let one = One(name, diary)
      // Two came at the same time.
      let until = start + .seconds(10 + name / 2)
      one.next = { [queue] in if queue.count < 4 { queue.goBack($0, until: until) } }
      #expect(queue.add(one, until: until))
    }
    queue.release(2)
    try turn()
    queue.release(3)
    try turn()
    queue.releaseAll()
    try turn()
    #expect(diary.released == [1, 2, 1, 2, 3, 1, 2, 3, 4])
  }

  @Test func `one that left is not released, nor told`() throws {
    let waiters = add(1...4, until: clock.now + .milliseconds(150))
    queue.remove(waiters[0])
    queue.remove(waiters[2])
    queue.remove(waiters[2])
    #expect(queue.count == 2)
    queue.release(1)
    try turn()
    #expect(diary.released == [2])
    queue.remove(waiters[1])
    try turn(after: .milliseconds(200))
    #expect(diary.ended == [4] && queue.isEmpty)
  }

  @Test func `another one in the place of one that left is not taken for it`() throws {
    let first = add(1...1)[0]
    queue.remove(first)
    _ = add(2...2)
    queue.remove(first)
    #expect(queue.count == 1)
  }

  @Test func `one that rests is passed over until its rest is over`() throws {
    _ = add(1...1, restsUntil: clock.now + .milliseconds(250))
    _ = add(2...3)
    queue.release(1)
    try turn()
    #expect(diary.released == [2])
    try turn(after: .milliseconds(110))
    #expect(diary.released == [2, 3])
    try turn(after: .milliseconds(110))
    queue.release(5)
    try turn()
    #expect(diary.released == [2, 3])
    try turn(after: .milliseconds(110))
    #expect(diary.released == [2, 3, 1] && queue.isEmpty)
  }

  @Test func `news ends every rest`() throws {
    _ = add(1...2, restsUntil: later)
    _ = add(3...3)
    queue.releaseAll()
    try turn()
    #expect(diary.released == [3, 1, 2])
  }

  /// Where leaving looks through those that wait, these take minutes.
  @Test func `a hundred thousand may leave or go back at the same time`() throws {
    let queue = WaitQueue(loop: loop, interval: .milliseconds(100), countMax: 100_000)
    let waiters = (0..<100_000).map { One($0, diary) }
    let began = ContinuousClock.now
    for waiter in waiters {
      #expect(queue.add(waiter, until: later))
      waiter.next = { [queue, later] in queue.goBack($0, until: later) }
    }
    queue.releaseAll()
    try turn()
    #expect(queue.count == 100_000 && diary.released == Array(0..<100_000))
    for waiter in waiters.reversed() { queue.remove(waiter) }
    #expect(queue.isEmpty)
    #expect(ContinuousClock.now - began < .seconds(20))
  }
}
