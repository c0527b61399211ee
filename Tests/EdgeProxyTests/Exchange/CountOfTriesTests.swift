import EventLoop
import Testing

@testable import EdgeProxy

private let reset = AttemptFailure.resetBeforeResponse(sentAnything: true)
private let closed = AttemptFailure.closedBeforeResponse(sentAnything: true)
private let read = Tries.Request(isRepeatable: true, mayBeDoubled: true, blockBytes: 900)
private let changed = Tries.Request(isRepeatable: false, blockBytes: 900)

@Suite("The tries of a request are counted once")
struct CountOfTriesTests {
  struct Counts: Equatable {
    var sent = 0
    var closed = 0
    var reset = 0
  }

  private func state(nodes: Int, tries: Int = 3) throws -> UpstreamState {
    var settings = try makeUpstream(primaries: nodes).settings
    settings.retry.tries = tries
    return UpstreamState(settings)
  }

  private func counts(_ life: LifeOfTries) -> Counts {
    Counts(sent: life.tries.sent, closed: life.tries.closed, reset: life.tries.reset)
  }

  @Test(
    arguments: [
      (.couldNotConnect(.refused), Counts()), (.couldNotSecure, Counts()), (.busy, Counts()),
      (.resetBeforeResponse(sentAnything: false), Counts()),
      (.closedBeforeResponse(sentAnything: false), Counts()),
      (reset, Counts(sent: 1, reset: 1)), (closed, Counts(sent: 1, closed: 1)),
      (.serverLost, Counts(sent: 1)), (.responseTimeout, Counts(sent: 1)),
      (.headIncomplete(timedOut: false), Counts(sent: 1)), (.malformedResponse, Counts(sent: 1)),
    ] as [(AttemptFailure, Counts)])
  func `a try counts unless nothing of it was sent`(failure: AttemptFailure, expected: Counts)
    throws
  {
    var life = LifeOfTries(changed, try state(nodes: 1))
    _ = life.live(.begins)
    #expect(counts(life) == Counts(sent: 1))
    _ = life.live(.fails(failure))
    #expect(counts(life) == expected)
  }

  @Test func `waiting, other numbers and a fresh connection take nothing off the count`() throws {
    var life = LifeOfTries(read, try state(nodes: 1, tries: 10))
    for happening: Happening in [
      .begins, .fails(reset), .released, .fails(closed), .renumbered, .released,
    ] { _ = life.live(happening) }
    #expect(life.tries.generation == 2)
    #expect(counts(life) == Counts(sent: 3, closed: 1, reset: 1))
  }

  @Test func `a kept connection that ended counts if a byte had been sent on it`() throws {
    var life = LifeOfTries(read, try state(nodes: 1))
    _ = life.live(.begins)
    #expect(life.live(.failsOnKept(.resetBeforeResponse(sentAnything: false))) == .again)
    #expect(life.tries.sent == 1)
    #expect(life.live(.failsOnKept(reset)) == .again)
    #expect(counts(life) == Counts(sent: 2))
  }

  @Test func `a try beside another that had sent nothing leaves the other one counted`() throws {
    var life = LifeOfTries(read, try state(nodes: 2))
    for happening: Happening in [.begins, .staysSilent, .besideFails(.couldNotConnect(.refused))] {
      _ = life.live(happening)
    }
    #expect(life.tries.sent == 1 && life.tries.tried.count == 2)
  }

  @Test func `the last try that a lost server took says since when others must have been heard`()
    throws
  {
    let state = try self.state(nodes: 1, tries: 10)
    let now = Prospects(
      state: state, generation: 1, servers: ScriptedServers(), now: LifeOfTries.began, random: 0)
    var tries = Tries(read, generation: 1, at: now.now)
    for cause in [reset, closed, .responseTimeout] {
      _ = tries.next(now)
      _ = tries.failed(.first, .init(cause: cause, began: now.now), now)
    }
    #expect(tries.lostSince == nil)
    for (began, expected) in [(5, 5), (9, 9), (7, 9)] {
      _ = tries.next(now)
      let failure = Tries.Failure(cause: .serverLost, began: now.now + .seconds(began))
      _ = tries.failed(.first, failure, now)
      #expect(tries.lostSince == now.now + .seconds(expected))
    }
    _ = tries.released(isOther: true, now)
    #expect(tries.lostSince == now.now + .seconds(9))
  }

  @Test func `after a reset or with a lost server a node gets a moment, then a longer one`() throws
  {
    for failure in [reset, .serverLost] {
      var life = LifeOfTries(read, try state(nodes: 1, tries: 10))
      _ = life.live(.begins)
      _ = life.live(.fails(failure))
      #expect(life.tries.restsUntil == LifeOfTries.began + .milliseconds(250))
      for _ in 0..<5 {
        _ = life.live(.released)
        _ = life.live(.fails(failure))
        #expect(life.tries.restsUntil == LifeOfTries.began + .seconds(1))
      }
    }
    for failure in [closed, .couldNotConnect(.refused), .responseTimeout] {
      var life = LifeOfTries(read, try state(nodes: 1))
      _ = life.live(.begins)
      _ = life.live(.fails(failure))
      #expect(life.tries.restsUntil <= LifeOfTries.began)
    }
  }
}
