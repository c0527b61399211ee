import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Work that waits for etcd")
struct PatienceTests {
  /// What happened in a run of work that finds etcd away until a time, in seconds.
  private struct Course {
    var tries = 0
    var told: [String] = []
    var failure: String?
  }

  private func run(
    limit: Int, awayUntil end: Int, _ away: any Error = EtcdAway("no etcd")
  ) -> Course {
    var course = Course()
    var now = Instant(nanoseconds: 0)
    let patience = Patience(limit: .seconds(limit)) {
      now
    } pause: {
      now = now + $0
    } tell: {
      course.told.append($0)
    }
    do {
      try patience.run {
        course.tries += 1
        if now < Instant(nanoseconds: 0) + .seconds(end) { throw away }
      }
    } catch {
      course.failure = "\(error)"
    }
    return course
  }

  @Test func `it is done once where etcd is there`() {
    let course = run(limit: 60, awayUntil: 0)
    #expect(course.tries == 1 && course.told.isEmpty && course.failure == nil)
  }

  @Test func `it is done again until etcd is back, and that is told once`() {
    let course = run(limit: 3600, awayUntil: 25)
    #expect(course.tries == 14 && course.failure == nil)
    #expect(course.told == ["no etcd; it is tried again for up to 1h"])
  }

  @Test func `it is given up when the time is over`() {
    let course = run(limit: 10, awayUntil: 100)
    #expect(course.tries == 6)
    #expect(course.failure == "no etcd; not done within 10s, see '--wait'")
  }

  @Test func `it is tried once without a limit`() {
    let course = run(limit: 0, awayUntil: 100)
    #expect(course.tries == 1 && course.told.isEmpty && course.failure != nil)
  }

  @Test func `what etcd refuses is not tried again`() {
    let course = run(limit: 60, awayUntil: 100, CommandFailure("permission denied"))
    #expect(course.tries == 1 && course.failure == "permission denied")
  }
}
