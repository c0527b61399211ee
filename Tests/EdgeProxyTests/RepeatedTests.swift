import EventLoop
import Testing

@testable import EdgeProxy

@Suite("An event that may happen many times a second")
struct RepeatedTests {
  private let start = Instant(nanoseconds: 5_000_000_000)

  @Test func `is told at once, and then once in a period with how often it happened`() {
    var accepting = Repeated()
    var told: [Int] = []
    // Ten times a second for half a minute.
    for tick in 0..<300 {
      let now = start + .milliseconds(100 * tick)
      if let times = accepting.happened(every: .seconds(10), now: now) { told.append(times) }
    }
    #expect(told == [1, 100, 100])
    #expect(accepting.happened(every: .seconds(10), now: start + .seconds(40)) == 100)
  }

  @Test func `is told beside events of other names, whose number has a bound`() {
    var events = RepeatedEvents()
    func happened(_ name: String) -> Int? {
      events.happened(name, every: .seconds(10), now: start)
    }
    #expect(happened("a") == 1 && happened("b") == 1)
    #expect(happened("a") == nil && happened("b") == nil)
    for number in 0..<RepeatedEvents.namesMax { _ = happened("\(number)") }
    // What comes after them is one event.
    #expect(happened("another") == nil && happened("more") == nil)
  }
}
