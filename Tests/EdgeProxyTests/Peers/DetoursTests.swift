import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Ways through other servers")
struct DetoursTests {
  private let nodes: [NodeState]
  private let start = Instant(nanoseconds: 5_000_000_000)
  private var detours = Detours()

  init() throws {
    nodes = try ["10.0.0.3:80", "10.0.0.4:80"].map { address in
      NodeState(
        address: try #require(SocketAddress(address)), isBackup: false, cap: EjectionCap())
    }
  }

  private func chosen(
    _ living: [String], _ known: [String] = [], after: Duration = .zero, random: UInt64 = 0
  ) -> String? {
    let choice = detours.choose(
      nodes, living: living, known: known, now: start + after, random: random)
    return choice.map { "\($0.server)/\($0.node.address)" }
  }

  @Test func `a server with which there is a session is asked first`() {
    #expect(chosen(["three"], ["three", "two"]) == "three/10.0.0.3:80")
    #expect(chosen([], ["two"]) == "two/10.0.0.3:80")
    #expect(chosen([], []) == nil)
    #expect(detours.choose([], living: ["two"], known: [], now: start, random: 0) == nil)
  }

  @Test func `chance spreads what is asked over nodes and servers`() {
    #expect(chosen(["three", "two"], random: 1) == "three/10.0.0.4:80")
    #expect(chosen(["three", "two"], random: 1 << 32) == "two/10.0.0.3:80")
  }

  @Test mutating func `who could not reach a node is not asked for it again for a second`() {
    detours.failed("two", to: nodes[0], now: start)
    #expect(chosen(["two"], ["three", "two"]) == "three/10.0.0.3:80")
    #expect(chosen(["two"]) == "two/10.0.0.4:80")
    detours.failed("two", to: nodes[1], now: start)
    #expect(chosen(["two"]) == nil)
    #expect(chosen(["two"], after: .seconds(1)) == "two/10.0.0.3:80")
  }

  @Test mutating func `a way that led is taken, and once in a second the direct one is tried`() {
    #expect(detours.way(to: nodes[0], now: start) == nil)
    detours.led("two", to: nodes[0], now: start)
    #expect(detours.way(to: nodes[0], now: start) == "two")
    #expect(detours.way(to: nodes[1], now: start) == nil)
    let later = start + .seconds(1)
    #expect(detours.way(to: nodes[0], now: later) == nil)
    #expect(detours.way(to: nodes[0], now: later) == "two")
  }

  @Test mutating func `answers on a known way do not put off the next try of the direct one`() {
    detours.led("two", to: nodes[0], now: start)
    detours.led("two", to: nodes[0], now: start + .milliseconds(900))
    #expect(detours.way(to: nodes[0], now: start + .seconds(1)) == nil)
  }

  @Test mutating func `the server that led is asked before any other`() {
    detours.led("four", to: nodes[0], now: start)
    #expect(chosen(["two"], ["two"], after: .seconds(5)) == "four/10.0.0.3:80")
  }

  @Test mutating func `a way that leads no more is left`() {
    detours.led("two", to: nodes[0], now: start)
    detours.failed("two", to: nodes[0], now: start)
    #expect(detours.way(to: nodes[0], now: start) == nil)
    #expect(chosen(["two"]) == "two/10.0.0.4:80")
  }

  @Test mutating func `nothing is remembered of a node that is reached directly again`() {
    detours.led("two", to: nodes[0], now: start)
    detours.failed("three", to: nodes[0], now: start)
    detours.forget(nodes[0])
    #expect(detours.isEmpty)
  }

  @Test mutating func `what is remembered has a bound`() {
    for number in 0..<Detours.countMax {
      detours.failed("server \(number)", to: nodes[1], now: start)
    }
    #expect(chosen(["server 0"]) == "server 0/10.0.0.3:80")
    detours.failed("one more", to: nodes[0], now: start)
    // The oldest went.
    #expect(chosen(["server 0"], random: 1) == "server 0/10.0.0.4:80")
    #expect(chosen(["server 1"], random: 1) == "server 1/10.0.0.3:80")
  }
}
