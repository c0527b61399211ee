import EventLoop
import Testing

@Suite("Name lookups and alarms")
struct LookupTests {
  private func answer(_ host: String) throws -> Lookup.Answer {
    let loop = try EventLoop()
    var answer: Lookup.Answer?
    let lookup = try Lookup(host, port: 2379, on: loop) {
      answer = $0
      loop.stop()
    }
    try loop.run()
    return try withExtendedLifetime(lookup) { try #require(answer) }
  }

  @Test func `the local host has a loopback address with the port asked for`() throws {
    let addresses = try answer("localhost").get()
    #expect(!addresses.isEmpty)
    #expect(addresses.allSatisfy { $0.host.hasPrefix("127.") || $0.host == "::1" })
    #expect(addresses.allSatisfy { $0.port == 2379 })
  }

  @Test(arguments: ["127.0.0.1", "::1"])
  func `a numeric address is its own answer`(address: String) throws {
    #expect(try answer(address).get().map(\.host) == [address])
  }

  @Test func `a name that cannot be is an error that names it`() throws {
    guard case .failure(let error) = try answer("name..invalid") else {
      Issue.record("it has an address")
      return
    }
    #expect(error.host == "name..invalid")
    #expect("\(error)".contains("'name..invalid': "))
  }

  @Test func `a lookup that was given up is not answered`() throws {
    let loop = try EventLoop()
    var isAnswered = false
    let lookup = try Lookup("localhost", port: 1, on: loop) { _ in isAnswered = true }
    lookup.cancel()
    // Another lookup, begun later, comes back.
    let other = try Lookup("localhost", port: 2, on: loop) { _ in loop.stop() }
    try loop.run()
    withExtendedLifetime(other) { #expect(!isAnswered) }
  }

  @Test func `an alarm goes off once, and a later setting replaces an earlier one`() throws {
    let clock = ManualClock()
    let loop = try EventLoop(clock: clock)
    var times = 0
    let alarm = Alarm(on: loop) { times += 1 }
    alarm.set(after: .seconds(1))
    alarm.set(after: .seconds(3))
    clock.advance(by: .seconds(2))
    try loop.turn(mayWait: false)
    #expect(times == 0)
    clock.advance(by: .seconds(2))
    try loop.turn(mayWait: false)
    try loop.turn(mayWait: false)
    #expect(times == 1)
    alarm.set(after: .seconds(1))
    alarm.cancel()
    clock.advance(by: .seconds(2))
    try loop.turn(mayWait: false)
    #expect(times == 1)
  }
}
