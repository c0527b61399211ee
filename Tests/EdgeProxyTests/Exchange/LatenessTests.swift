import EventLoop
import Testing

@testable import EdgeProxy

@Suite("When a try is late")
struct LatenessTests {
  private let began = Instant(nanoseconds: seconds(1000))

  private func lateness(delay: Double) -> Lateness {
    var lateness = Lateness(startedAt: began, delay: seconds(delay))
    lateness.wait(until: began + .seconds(60))
    return lateness
  }

  @Test func `a connection is late after 250 ms, however long answers take`() {
    #expect(lateness(delay: 5).next == began + .milliseconds(250))
    #expect(lateness(delay: 0.1).next == began + .milliseconds(100))
  }

  @Test func `an answer is late when it takes longer than usual`() {
    var lateness = lateness(delay: 5)
    lateness.connected()
    #expect(lateness.next == began + .seconds(5))
  }

  @Test func `silence is noticed once, and then only the time that is left counts`() {
    var lateness = lateness(delay: 1)
    #expect(lateness.notice(at: began + .seconds(1)) == 1)
    #expect(lateness.next == began + .seconds(60))
    lateness.connected()
    #expect(lateness.next == began + .seconds(60))
    #expect(lateness.notice(at: began + .seconds(60)) == nil)
  }

  @Test func `it is noticed ten times at most where another server may give a sign of life`() {
    var lateness = lateness(delay: 1)
    var now = began + .seconds(1)
    var count = 0
    while let noticed = lateness.notice(at: now) {
      count = noticed
      guard lateness.lookAgain(from: now) else { break }
      #expect(lateness.next == now + .milliseconds(100))
      now = lateness.next
    }
    #expect(count == 10)
    #expect(lateness.next == began + .seconds(60))
  }
}
