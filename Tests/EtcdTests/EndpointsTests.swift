import Etcd
import Testing

@Suite("Which member to talk to, and when")
struct EndpointsTests {
  private func members(_ count: Int) throws -> [Endpoint] {
    try (1...count).map { try #require(Endpoint("http://10.0.0.\($0)")) }
  }

  @Test func `one that works stays, one that fails is followed by the next`() throws {
    let members = try members(3)
    var endpoints = Endpoints(members)
    #expect(endpoints.current == members[0])
    endpoints.succeeded()
    #expect(endpoints.current == members[0])
    let mustPause = endpoints.failed()
    #expect(!mustPause)
    #expect(endpoints.current == members[1])
    endpoints.succeeded()
    #expect(endpoints.current == members[1])
  }

  @Test func `a pause is due whenever all have failed in a row`() throws {
    var endpoints = Endpoints(try members(3))
    let pauses = (0..<7).map { _ in endpoints.failed() }
    #expect(pauses == [false, false, true, false, false, true, false])
    endpoints.succeeded()
    let after = (0..<3).map { _ in endpoints.failed() }
    #expect(after == [false, false, true])
  }

  @Test func `all are tried in turn, and what fails is remembered until it works`() throws {
    let members = try members(3)
    var endpoints = Endpoints(members)
    var tried: [Endpoint] = []
    for _ in 0..<6 {
      tried.append(endpoints.current)
      _ = endpoints.failed()
    }
    #expect(tried == members + members)
    #expect(endpoints.records.map(\.failures) == [2, 2, 2])
    endpoints.succeeded()
    #expect(endpoints.records.map(\.failures) == [0, 2, 2])
  }

  @Test func `one that works and fails in turn is left all the same`() throws {
    let members = try members(2)
    var endpoints = Endpoints(members)
    endpoints.succeeded()
    _ = endpoints.failed()
    #expect(endpoints.current == members[1])
    _ = endpoints.failed()
    endpoints.succeeded()
    _ = endpoints.failed()
    #expect(endpoints.current == members[1])
  }

  @Test func `a single one is tried again after each pause`() throws {
    var endpoints = Endpoints(try members(1))
    let first = endpoints.failed()
    let second = endpoints.failed()
    #expect(first && second)
    #expect(endpoints.records[0].failures == 2)
  }

  @Test func `edges begin with different ones`() throws {
    let members = try members(3)
    #expect((0..<4).map { Endpoints(members, first: $0).current } == members + [members[0]])
    #expect(members.contains(Endpoints(members, first: .min).current))
  }

  @Test func `pauses double from 100 ms to 1 s, in the upper half of each`() {
    var backoff = Backoff(random: SystemRandomNumberGenerator())
    for nominal in [100, 200, 400, 800, 1000, 1000] {
      let pause = backoff.next()
      #expect((Duration.milliseconds(nominal / 2)...Duration.milliseconds(nominal)).contains(pause))
    }
    for _ in 0..<1000 { #expect(backoff.next() <= Backoff.longest) }
    backoff.reset()
    #expect(backoff.next() <= Backoff.first)
  }

  @Test func `the pause is chosen by the numbers given`() {
    var lowest = Backoff(random: Constant(value: 0))
    var highest = Backoff(random: Constant(value: 500))
    #expect(lowest.next() == .milliseconds(50))
    #expect(highest.next() == .milliseconds(100))
    #expect(lowest.next() == .milliseconds(100))
    #expect(highest.next() == .milliseconds(200))
  }
}

/// The same number every time.
struct Constant: RandomNumberGenerator {
  let value: UInt64

  mutating func next() -> UInt64 { value }
}
