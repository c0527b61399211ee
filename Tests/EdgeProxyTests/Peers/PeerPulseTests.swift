import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Signs of life of a session")
struct PeerPulseTests {
  private let start = Instant(nanoseconds: 0)

  private func after(_ milliseconds: Int) -> Instant { start + .milliseconds(milliseconds) }

  @Test func `silence while something is under way is asked about, then it is the end`() {
    var pulse = PeerPulse(now: start)
    let began1 = pulse.began(now: start)
    #expect(!began1)
    let step2 = pulse.step(now: after(499))
    #expect(step2 == .wait)
    let step3 = pulse.step(now: after(500))
    #expect(step3 == .ping)
    let step4 = pulse.step(now: after(1499))
    #expect(step4 == .wait)
    let step5 = pulse.step(now: after(1500))
    #expect(step5 == .stalled)
  }

  @Test func `a byte is enough to go on`() {
    var pulse = PeerPulse(now: start)
    _ = pulse.began(now: start)
    let step6 = pulse.step(now: after(500))
    #expect(step6 == .ping)
    pulse.heard(now: after(600))
    #expect(pulse.due == after(1100))
  }

  @Test func `what begins after a second of silence asks at once`() {
    var pulse = PeerPulse(now: start)
    let began7 = pulse.began(now: after(999))
    #expect(!began7)
    pulse.rested(now: after(999))
    let began8 = pulse.began(now: after(1000))
    #expect(began8)
    #expect(pulse.due == after(2000))
    let began9 = pulse.began(now: after(1001))
    #expect(!began9)
  }

  @Test func `an idle session is asked now and then, and kept for five minutes`() {
    var pulse = PeerPulse(now: start)
    let step10 = pulse.step(now: after(15_000))
    #expect(step10 == .ping)
    pulse.heard(now: after(15_001))
    let step11 = pulse.step(now: after(30_000))
    #expect(step11 == .wait)
    pulse.heard(now: after(299_000))
    let step12 = pulse.step(now: after(300_000))
    #expect(step12 == .idle)
  }

  @Test func `a sign of life that is asked for in between is waited for like any other`() {
    var pulse = PeerPulse(now: start)
    let asked = pulse.asked(now: after(100))
    let askedAgain = pulse.asked(now: after(200))
    #expect(asked && !askedAgain)
    #expect(pulse.due == after(1100))
    pulse.heard(now: after(300))
    #expect(pulse.hasHeard(since: after(299)) && !pulse.hasHeard(since: after(300)))
    #expect(pulse.due > after(1100))
  }
}
