import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Ways round a cut network")
struct DetoursTests {
  private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  private func node() throws -> NodeState {
    try makeUpstream(primaries: 1).nodes[0]
  }

  @Test func `a way round is known for a while, and then the direct one is tried again`() throws {
    let (node, other) = (try node(), try node())
    var detours = Detours()
    #expect(detours.isEmpty && detours.server(for: node, now: at(0)) == nil)
    detours.take("two", to: node, now: at(0))
    #expect(detours.server(for: node, now: at(9)) == "two")
    #expect(detours.server(for: other, now: at(9)) == nil)
    #expect(detours.server(for: node, now: at(10)) == nil)
  }

  @Test func `a way that led nowhere is forgotten at once`() throws {
    let node = try node()
    var detours = Detours()
    detours.take("two", to: node, now: at(0))
    detours.forget(node)
    #expect(detours.server(for: node, now: at(1)) == nil)
  }
}
