import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Why a node gets no requests")
struct NodeWhyTests {
  private let upstream: UpstreamState
  private let node: NodeState

  init() throws {
    upstream = try makeUpstream(primaries: 2)
    node = upstream.nodes[0]
  }

  private func why(
    _ order: Order? = nil, role: NodeRole = NodeRole(), doubt: KnownInstance.Doubt? = nil,
    check: CheckRecord.Last? = nil, outUntil: Int64? = nil
  ) -> String? {
    NodeWhy(
      node: node, role: role, order: order, doubt: doubt, check: check, outUntil: outUntil
    ).text
  }

  @Test func `is nothing where it gets them`() { #expect(why() == nil) }

  @Test func `names who has disabled it, since when, and what for`() {
    node.stand(.disabled)
    var order = Order(.disabled)
    #expect(why(order) == "disabled by root on edge1 since 1970-01-01T00:00:01Z")
    order.reason = "disk"
    #expect(why(order) == "disabled by root on edge1 since 1970-01-01T00:00:01Z (disk)")
    node.stand(.draining)
    order.state = .draining
    #expect(
      why(order) == "draining by root on edge1 since 1970-01-01T00:00:01Z (disk): it gets only"
        + " requests that a cookie binds to it")
  }

  @Test func `tells the failure and the last check, and until when it is out`() {
    node.recordFailure(.refused, began: 0, now: 0, random: 0)
    #expect(why() == "down, and asked for want of another: connection refused")
    node.failUntilOut(now: seconds(1))
    let check = CheckRecord.Last(
      outcome: .notConnected(.refused), milliseconds: 1, at: 7)
    #expect(
      why(check: check, outUntil: 60) == "out until 1970-01-01T00:01:00Z: connection refused, last"
        + " check refused at 1970-01-01T00:00:07Z")
    node.stand(.disabled)
    #expect(
      why(Order(.disabled), outUntil: 60) == "disabled by root on edge1 since 1970-01-01T00:00:01Z;"
        + " out until 1970-01-01T00:01:00Z: connection refused")
  }

  @Test func `tells that one request finds out, or that one failed`() {
    node.failUntilOut(now: seconds(1))
    #expect(node.beginTrial(now: seconds(60)))
    #expect(
      why(outUntil: 60) == "one request finds out whether it is back: it cannot be connected to")
    upstream.nodes[1].recordFailure(.reset, began: 0, now: 0, random: 0)
    let failing = NodeWhy(node: upstream.nodes[1], role: NodeRole())
    #expect(failing.text == "the last try or check failed: connection reset before an answer")
  }

  @Test(arguments: [
    (KnownInstance.Doubt?.some(.goodbye), "it has said goodbye"),
    (.silent, "not announced any more"),
    (.lapsed, "its server does not share it any more"),
    (nil, "not announced any more, or it has said goodbye"),
  ])
  func `tells that it is not announced any more`(_ doubt: KnownInstance.Doubt?, _ words: String) {
    #expect(
      why(role: NodeRole(isDoubtful: true), doubt: doubt)
        == "\(words): asked only while there is no other")
  }

  @Test func `is in the status, with how long its answers took`() {
    node.stand(.disabled)
    upstream.takeStandings()
    for _ in 0..<4 { upstream.nodes[1].latency.record(8_000_000) }
    let section = UpstreamsSection(
      upstreams: [upstream], now: Instant(nanoseconds: 0), time: 0,
      order: { _ in Order(.disabled) }
    ).section
    let json = String(decoding: section.value.json(), as: UTF8.self)
    #expect(json.contains(#""state":"disabled""#))
    #expect(
      json.contains(
        #""administration":"disabled","why":"disabled by root on edge1 since 1970-01-01T00:00:01Z","#
          + #""latency_ms":null"#))
    #expect(
      json.contains(
        #""administration":"enabled","why":null,"latency_ms":{"p50":10,"p95":10,"p99":10,"answers":4}"#
      ))
    let text = String(decoding: StatusText.render(section.text), as: UTF8.self)
    #expect(text.contains("disabled: disabled by root on edge1 since 1970-01-01T00:00:01Z"))
    #expect(text.contains("10/10/10 ms"))
    #expect(section.metrics.first { $0.name == "node_up" }?.samples.map(\.value) == [0, 1])
  }

  @Test func `orders are told with all that is known of them`() throws {
    let book = try OrderBook(
      fleet: [.of("hosts/a.test"): Order(.maintenance, until: 60)],
      own: [.of("nodes/10.0.0.5:3031"): Order(.draining)])
    let section = OperationsSection(book).section
    #expect(
      String(decoding: section.value.json(), as: UTF8.self)
        == #"[{"kind":"host","subject":"a.test","state":"maintenance","since":"1970-01-01T00:00:01Z","#
        + #""by":"root","server":"edge1","until":"1970-01-01T00:01:00Z","reason":"","#
        + #""this_server_only":false},{"kind":"node","subject":"10.0.0.5:3031","state":"draining","#
        + #""since":"1970-01-01T00:00:01Z","by":"root","server":"edge1","until":null,"reason":"","#
        + #""this_server_only":true}]"# + "\n")
    let text = String(decoding: StatusText.render(section.text), as: UTF8.self)
    for words in ["root on edge1", "this server", "taken back"] { #expect(text.contains(words)) }
    #expect(section.metrics.first?.samples.map(\.value) == [0, 1, 1, 0])
  }
}
