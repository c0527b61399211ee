import EventLoop
import Testing

@testable import Configuration
@testable import EdgeProxy

private let reset = AttemptFailure.resetBeforeResponse(sentAnything: true)
private let closed = AttemptFailure.closedBeforeResponse(sentAnything: true)
private let read = Tries.Request(isRepeatable: true, mayBeDoubled: true, blockBytes: 900)
private let changed = Tries.Request(isRepeatable: false, blockBytes: 900)

/// An upstream whose nodes are `addresses`, and the same on each of `servers`.
private func upstream(
  _ addresses: [String], on servers: [String] = [], cores: Int = 0
) throws -> UpstreamState {
  var settings = try makeUpstream(primaries: 1).settings
  settings.nodes = try addresses.map {
    NodeSettings(address: .fixed(try #require(SocketAddress($0))), backup: false, cores: cores)
  }
  settings.isEverywhere = !servers.isEmpty
  return UpstreamState(settings, neighbours: Neighbours(own: "here", servers: servers))
}

private func local(_ count: Int) -> [String] { (0..<count).map { "127.0.0.1:\(3000 + $0)" } }

/// One life: what happens to the request, and what is done each time.
struct ScriptedLife: CustomTestStringConvertible, Sendable {
  let testDescription: String
  var request = Tries.Request(isRepeatable: true, mayBeDoubled: true, blockBytes: 900)
  var nodes = ["127.0.0.1:3000", "127.0.0.1:3001", "127.0.0.1:3002"]
  var servers: [String] = []
  var helpers: [String] = []
  let script: [(Happening, Move)]
}

@Suite("The life of a request at its nodes")
struct LifeOfRequestTests {
  private static let noInstance = Move.answer(503, "no-instance")

  /// What is tried again: the rows of `RetryPolicy`.
  static let retried: [ScriptedLife] = [
    .init(
      testDescription: "an answer is delivered",
      script: [(.begins, .ask(0)), (.answers(200), .deliver)]),
    .init(
      testDescription: "a node that refuses costs nothing, and the next is asked",
      request: changed, script: [(.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .ask(1))]),
    .init(
      testDescription: "a request that no node takes is held, then all nodes are asked again",
      nodes: local(2),
      script: [
        (.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .ask(1)),
        (.fails(.busy), .hold(until: 10)), (.later(4), .nothing), (.released, .ask(0)),
        (.fails(.couldNotSecure), .ask(1)), (.later(6), .nothing),
        (.fails(.couldNotConnect(.refused)), .answer(503, "connect")),
      ]),
    .init(
      testDescription: "a GET that is reset is asked of another node",
      script: [(.begins, .ask(0)), (.fails(reset), .ask(1)), (.answers(200), .deliver)]),
    .init(
      testDescription: "a POST that is reset is not repeated",
      request: changed, script: [(.begins, .ask(0)), (.fails(reset), .answer(502, "reset"))]),
    .init(
      testDescription: "a POST that is closed without a byte is not repeated",
      request: changed, script: [(.begins, .ask(0)), (.fails(closed), .answer(502, "closed"))]),
    .init(
      testDescription: "two ends in order are the end",
      script: [
        (.begins, .ask(0)), (.fails(closed), .ask(1)), (.fails(closed), .answer(502, "closed")),
      ]),
    .init(
      testDescription: "tries are used up, whatever was waited for in between",
      nodes: local(1),
      script: [
        (.begins, .ask(0)), (.fails(reset), .hold(until: 10)), (.released, .ask(0)),
        (.fails(reset), .hold(until: 10)), (.released, .ask(0)),
        (.fails(reset), .answer(502, "reset")),
      ]),
    .init(
      testDescription: "the time for tries is used up",
      script: [(.begins, .ask(0)), (.later(15), .nothing), (.fails(reset), .answer(502, "reset"))]),
    .init(
      testDescription: "one that may have been read waits no longer than there is time for a try",
      nodes: local(1),
      script: [
        (.begins, .ask(0)), (.later(8), .nothing), (.fails(reset), .hold(until: 15)),
        (.later(7), .nothing), (.released, .answer(502, "tries-used-up")),
      ]),
    .init(
      testDescription: "without a token in the budget no second try is made",
      script: [
        (.budgetEnds, .nothing), (.begins, .ask(0)),
        (.fails(reset), .answer(502, "retry-budget")),
      ]),
    .init(
      testDescription: "a timeout moves on, and is never held",
      nodes: local(2),
      script: [
        (.begins, .ask(0)), (.fails(.responseTimeout), .ask(1)),
        (.fails(.responseTimeout), .answer(504, "timeout")),
      ]),
    .init(
      testDescription: "a head that broke off is answered",
      script: [
        (.begins, .ask(0)),
        (.fails(.headIncomplete(timedOut: false)), .answer(502, "head-incomplete")),
      ]),
    .init(
      testDescription: "a malformed head is answered",
      script: [(.begins, .ask(0)), (.fails(.malformedResponse), .answer(502, "malformed"))]),
    .init(
      testDescription: "a block that the instance cannot read is refused",
      request: .init(isRepeatable: true, isPacket: true, blockBytes: 4097),
      script: [(.begins, .ask(0)), (.fails(closed), .refuseBlock(sent: 4097, limit: 4096))]),
    .init(
      testDescription: "a request that has just ended two instances gets one try",
      request: .init(isRepeatable: true, blockBytes: 900, isDeadly: true),
      script: [(.begins, .ask(0)), (.fails(closed), .answer(502, "query-of-death"))]),
    .init(
      testDescription: "nodes that are renumbered while the request waits are all asked",
      nodes: local(2),
      script: [
        (.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .ask(1)),
        (.fails(.couldNotConnect(.refused)), .hold(until: 10)), (.renumbered, .nothing),
        (.released, .ask(1)), (.fails(.couldNotConnect(.refused)), .ask(0)),
      ]),
  ]

  /// Connections that had been kept.
  static let kept: [ScriptedLife] = [
    .init(
      testDescription: "a kept connection that ended unused: the same node on a fresh one",
      request: changed,
      script: [
        (.begins, .ask(0)),
        (.failsOnKept(.closedBeforeResponse(sentAnything: false)), .again),
        (.fails(reset), .answer(502, "reset")),
      ]),
    .init(
      testDescription: "a kept connection that ended under a GET: the same node, and a try less",
      nodes: local(3),
      script: [
        (.begins, .ask(0)), (.failsOnKept(reset), .again), (.fails(reset), .ask(1)),
        (.fails(reset), .answer(502, "reset")),
      ]),
    .init(
      testDescription: "a kept connection that ended under a POST: no second try",
      request: changed, script: [(.begins, .ask(0)), (.failsOnKept(reset), .answer(502, "reset"))]),
    .init(
      testDescription: "a kept connection that ended under a deadly request: no second try",
      request: .init(isRepeatable: true, blockBytes: 900, isDeadly: true),
      script: [(.begins, .ask(0)), (.failsOnKept(closed), .answer(502, "query-of-death"))]),
  ]

  /// Answers with a status worth another try.
  static let better: [ScriptedLife] = [
    .init(
      testDescription: "a listed status is kept, and a better answer delivered",
      script: [
        (.begins, .ask(0)), (.answers(503), .keep(then: .ask(1))), (.answers(200), .deliver),
      ]),
    .init(
      testDescription: "a second listed status is delivered",
      script: [
        (.begins, .ask(0)), (.answers(503), .keep(then: .ask(1))), (.answers(502), .deliver),
      ]),
    .init(
      testDescription: "the kept answer is better than one of our own",
      script: [
        (.begins, .ask(0)), (.answers(503), .keep(then: .ask(1))),
        (.fails(.malformedResponse), .deliverKept),
      ]),
    .init(
      testDescription: "and than waiting for an instance",
      nodes: local(2),
      script: [
        (.begins, .ask(0)), (.answers(503), .keep(then: .ask(1))),
        (.fails(.couldNotConnect(.refused)), .deliverKept),
      ]),
    .init(
      testDescription: "the last node's listed status is delivered",
      nodes: local(1), script: [(.begins, .ask(0)), (.answers(503), .deliver)]),
    .init(
      testDescription: "a POST's listed status is delivered",
      request: changed, script: [(.begins, .ask(0)), (.answers(503), .deliver)]),
  ]

  /// A second node beside a silent one.
  static let hedged: [ScriptedLife] = [
    .init(
      testDescription: "a second node is asked beside a silent one, once",
      script: [
        (.begins, .ask(0)), (.staysSilent, .beside(1)), (.staysSilent, .nothing),
        (.besideAnswers(200), .deliver),
      ]),
    .init(
      testDescription: "the first may still win",
      script: [(.begins, .ask(0)), (.staysSilent, .beside(1)), (.answers(200), .deliver)]),
    .init(
      testDescription:
        "the second goes on alone when the first fails, and then counts as the first",
      script: [
        (.begins, .ask(0)), (.staysSilent, .beside(1)), (.fails(reset), .nothing),
        (.fails(reset), .ask(2)),
      ]),
    .init(
      testDescription: "the first goes on alone when the second fails",
      script: [
        (.begins, .ask(0)), (.staysSilent, .beside(1)),
        (.besideFails(.couldNotConnect(.refused)), .nothing),
        (.answers(200), .deliver),
      ]),
    .init(
      testDescription: "a listed status waits for the other answer",
      script: [
        (.begins, .ask(0)), (.staysSilent, .beside(1)), (.answers(503), .keep(then: .nothing)),
        (.fails(.malformedResponse), .deliverKept),
      ]),
    .init(
      testDescription: "a request with a body is asked of one node",
      request: .init(isRepeatable: true, blockBytes: 900),
      script: [(.begins, .ask(0)), (.staysSilent, .nothing)]),
    .init(
      testDescription: "so is a deadly one",
      request: .init(isRepeatable: true, mayBeDoubled: true, blockBytes: 900, isDeadly: true),
      script: [(.begins, .ask(0)), (.staysSilent, .nothing)]),
    .init(
      testDescription: "and one for which there is no other node",
      nodes: local(1), script: [(.begins, .ask(0)), (.staysSilent, .nothing)]),
    .init(
      testDescription: "and one whose nodes have been renumbered",
      script: [(.begins, .ask(0)), (.renumbered, .nothing), (.staysSilent, .nothing)]),
    .init(
      testDescription: "a budget that is half used up is left to failures",
      script: [(.budgetEnds, .nothing), (.begins, .ask(0)), (.staysSilent, .nothing)]),
  ]

  /// Nodes on other servers.
  static let elsewhere: [ScriptedLife] = [
    .init(
      testDescription: "after a lost server only servers are asked that were heard from since",
      nodes: local(1), servers: ["b", "c"],
      script: [
        (.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .ask(1)), (.later(1), .nothing),
        (.hears("c"), .nothing), (.fails(.serverLost), .ask(2)), (.answers(200), .deliver),
      ]),
    .init(
      testDescription: "while none was heard from, the request waits or asks this server's nodes",
      nodes: local(1), servers: ["b", "c"],
      script: [
        (.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .ask(1)), (.later(1), .nothing),
        (.fails(.serverLost), .hold(until: 11)), (.released, .ask(0)),
      ]),
    .init(
      testDescription: "a POST whose server was lost is not repeated",
      request: changed, nodes: local(1), servers: ["b"],
      script: [
        (.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .ask(1)),
        (.fails(.serverLost), .answer(502, "server-lost")),
      ]),
    .init(
      testDescription: "a node that cannot be reached is asked through another server, once",
      request: changed, nodes: ["192.0.2.1:3000"], helpers: ["b"],
      script: [
        (.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .through("b", 0)),
        (.failsThere(.busy), .hold(until: 10)), (.released, .ask(0)),
        (.fails(.couldNotConnect(.refused)), .hold(until: 10)),
      ]),
    .init(
      testDescription: "a node of this machine is not",
      nodes: local(1), helpers: ["b"],
      script: [(.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .hold(until: 10))]),
    .init(
      testDescription: "nor a node that was reached and had too much to do",
      nodes: ["192.0.2.1:3000"], helpers: ["b"],
      script: [(.begins, .ask(0)), (.fails(.busy), .hold(until: 10))]),
    .init(
      testDescription: "nor one whose number means another node by now",
      nodes: ["192.0.2.1:3000"], helpers: ["b"],
      script: [
        (.begins, .ask(0)), (.renumbered, .nothing),
        (.fails(.couldNotConnect(.refused)), .hold(until: 10)),
      ]),
    .init(
      testDescription: "while the first is silent, no server is asked that was not heard from",
      nodes: local(1), servers: ["b", "c"],
      script: [
        (.begins, .ask(0)), (.fails(.couldNotConnect(.refused)), .ask(1)),
        (.staysSilent, .lookAgain),
        (.later(1), .nothing), (.hears("c"), .nothing), (.staysSilent, .beside(2)),
      ]),
  ]

  @Test(arguments: retried + kept + better + hedged + elsewhere)
  func `each thing that happens has one consequence`(life: ScriptedLife) throws {
    let state = try upstream(life.nodes, on: life.servers)
    var request = LifeOfTries(life.request, state, helpers: life.helpers)
    for (step, (happening, expected)) in life.script.enumerated() {
      #expect(request.live(happening) == expected, "step \(step)")
    }
  }

  @Test func `a request that may not be repeated waits for a node that works on it at once`() throws
  {
    let state = try upstream(local(1), cores: 1)
    state.nodes[0].begin()
    var life = LifeOfTries(changed, state)
    #expect(life.live(.begins) == .queue(until: 10))
    _ = life.live(.later(4))
    #expect(life.live(.slotFreed) == .queue(until: 10))
    state.nodes[0].end()
    #expect(life.live(.slotFreed) == .ask(0))
    state.nodes[0].begin()
    var late = LifeOfTries(changed, state)
    _ = late.live(.begins)
    _ = late.live(.later(10))
    #expect(late.live(.slotFreed) == .answer(503, "queue-timeout"))
  }

  @Test(arguments: [UInt8(0), 5])
  func `a packet goes to a second node only if that has the modifiers of the first`(
    modifier: UInt8
  ) throws {
    let instances = try (0..<2).map { index in
      Instance(
        address: try #require(SocketAddress("127.0.0.1:\(3000 + index)")),
        modifier1: index == 0 ? 0 : modifier)
    }
    let state = UpstreamState(
      try makeUpstream(primaries: 1).settings, Application(key: [], instances: instances),
      previous: nil, now: 0)
    for isPacket in [true, false] {
      var request = read
      request.isPacket = isPacket
      var life = LifeOfTries(request, state)
      _ = life.live(.begins)
      let isAsked = modifier == 0 || !isPacket
      #expect((life.live(.staysSilent) == .nothing) == !isAsked)
    }
  }

  @Test func `a request that cannot be answered here is held as long as hold says, and no longer`()
    throws
  {
    var life = LifeOfTries(read, try upstream([]))
    #expect(life.live(.begins) == .hold(until: 10))
    _ = life.live(.later(9))
    #expect(life.live(.released) == .hold(until: 10))
    _ = life.live(.later(1))
    #expect(life.live(.released) == Self.noInstance)
  }

  @Test func `what says nothing of the node leaves it as it was`() throws {
    let state = try upstream(local(1))
    let now = Prospects(
      state: state, generation: 1, servers: ScriptedServers(), now: LifeOfTries.began, random: 0)
    func ended(_ request: Tries.Request, _ failure: Tries.Failure) -> Tries.Ended {
      var tries = Tries(request, generation: 1, at: LifeOfTries.began)
      _ = tries.next(now)
      return tries.failed(.first, failure, now)
    }
    var deadly = read
    deadly.isDeadly = true
    let began = LifeOfTries.began
    #expect(ended(read, .init(cause: reset, began: began)) == .over(blamesNode: true))
    #expect(ended(deadly, .init(cause: reset, began: began)) == .over(blamesNode: false))
    #expect(
      ended(changed, .init(cause: reset, began: began, isOnReused: true))
        == .over(blamesNode: false))
    for cause in [AttemptFailure.couldNotConnect(.refused), .busy] {
      #expect(
        ended(read, .init(cause: cause, began: began, isDetour: true)) == .over(blamesNode: false))
    }
    #expect(
      ended(read, .init(cause: .responseTimeout, began: began, isDetour: true))
        == .over(blamesNode: true))
  }

  @Test func `an answer clears a request that was held to end instances`() throws {
    var life = LifeOfTries(read, try upstream(local(3)))
    _ = life.live(.begins)
    _ = life.live(.fails(reset))
    var once = life.tries
    #expect(!once.endsInstances && !once.acquit())
    _ = life.live(.fails(reset))
    var twice = life.tries
    #expect(twice.endsInstances && twice.acquit())
  }
}
