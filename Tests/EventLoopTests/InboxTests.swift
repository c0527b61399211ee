import EventLoop
import Testing

@Suite("What other threads leave for an object")
struct InboxTests {
  private final class Taken { var values: [Int] = [] }

  @Test func `comes in order, whoever owns the loop`() throws {
    let loop = try EventLoop()
    let taken = Taken()
    let inbox = try Inbox<Int>(on: loop) { taken.values.append($0) }
    let threads = try (0..<4).map { number in
      try WorkerThread(name: "test") { [slot = inbox.slot] in
        for value in 0..<1000 { slot.leave(number * 1000 + value) }
      }
    }
    while taken.values.count < 4000 { try loop.turn(mayWait: true) }
    for thread in threads { thread.join() }
    for number in 0..<4 {
      let own = taken.values.filter { $0 / 1000 == number }
      #expect(own == Array(number * 1000..<(number + 1) * 1000))
    }
    inbox.close()
  }

  @Test func `is not heard once the inbox is closed, nor what was left before`() throws {
    let loop = try EventLoop()
    let taken = Taken()
    var close: () -> Void = {}
    let inbox = try Inbox<Int>(on: loop) { value in
      taken.values.append(value)
      if value == 2 { close() }
    }
    close = { inbox.close() }
    for value in 1...3 { inbox.slot.leave(value) }
    while try loop.turn(mayWait: false) {}
    inbox.slot.leave(4)
    while try loop.turn(mayWait: false) {}
    #expect(taken.values == [1, 2])
    close = {}
  }
}
