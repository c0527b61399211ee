import EventLoop
import Logging
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

/// A server without etcd that is given orders.
@Suite("Orders of operators on one server")
struct OperationsDeskTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let warnings = Warnings()
  private let keeper: OperationsKeeper
  private let upstream: UpstreamState
  private let nodes = Nodes()

  /// What the server does with each change: orders are put on nodes.
  private final class Nodes {
    weak var keeper: OperationsKeeper?
    var upstreams: [UpstreamState] = []
  }

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    keeper = Self.keeper(directory, warnings) { [nodes] in
      nodes.keeper?.apply(to: nodes.upstreams)
    }
    upstream = makeUpstream([
      NodeSettings(
        address: .fixed(try #require(SocketAddress("127.0.0.1:3000"))), backup: false),
      NodeSettings(address: .fixed(try #require(SocketAddress("10.0.0.5:3031"))), backup: false),
    ])
    (nodes.keeper, nodes.upstreams) = (keeper, [upstream])
  }

  private static func keeper(
    _ directory: TemporaryDirectory, _ warnings: Warnings, _ changed: @escaping () -> Void = {}
  ) -> OperationsKeeper {
    OperationsKeeper(
      node: "edge1", state: directory.path,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, warnings: warnings,
      now: { 1000 }, changed: changed)
  }

  private func order(_ path: String, _ query: String) throws -> AdminAnswer {
    let command = try #require(OperationsCommand(path: path, query: query))
    let desk = OperationsDesk(
      keeper: keeper, upstreams: [upstream], hosts: [octets("a.test"), octets("*.b.test")],
      loop: loop, now: 1000)
    var answer: AdminAnswer?
    desk.take(command, by: "root") { answer = $0 }
    return try #require(answer)
  }

  private func said(_ answer: AdminAnswer) -> String { text(answer.body.span) }

  @Test func `take nodes out and put them back`() throws {
    let disabled = try order("/node/disable", "address=10.0.0.5:3031&reason=disk")
    #expect(disabled == .text(200, "10.0.0.5:3031 is disabled on this server\n"))
    #expect(upstream.nodes.map(\.standing) == [.enabled, .disabled])
    let known = try #require(keeper.order(of: upstream.nodes[1]))
    #expect(known.user == "root" && known.server == "edge1" && known.reason == "disk")
    #expect(try order("/node/drain", "address=10.0.0.5:3031").status == 200)
    #expect(upstream.nodes[1].standing == .draining)
    let enabled = try order("/node/enable", "address=10.0.0.5:3031")
    #expect(enabled == .text(200, "10.0.0.5:3031 is enabled on this server\n"))
    #expect(upstream.nodes.map(\.standing) == [.enabled, .enabled])
    #expect(!upstream.lasting.hasOrders && keeper.book.isEmpty)
  }

  @Test func `name a node of this machine with or without its server`() throws {
    #expect(
      try order("/node/disable", "address=127.0.0.1:3000")
        == .text(200, "edge1/127.0.0.1:3000 is disabled on this server\n"))
    #expect(try order("/node/enable", "address=edge1/127.0.0.1:3000").status == 200)
    #expect(upstream.nodes[0].standing == .enabled)
  }

  @Test func `warn when no other node is left, and say what is under way`() throws {
    upstream.nodes[0].begin()
    upstream.nodes[0].begin()
    _ = try order("/node/disable", "address=10.0.0.5:3031")
    let last = said(try order("/node/disable", "address=127.0.0.1:3000"))
    #expect(
      last == """
        edge1/127.0.0.1:3000 is disabled on this server
        2 requests of this server are under way there, and finish
        warning: no other node of 'apps' can be asked: requests wait up to 10s and are then answered 503

        """)
  }

  @Test(arguments: [
    ("10.0.0.6:3031", "; did you mean '10.0.0.5:3031'?"),
    ("127.0.0.1:3001", "; did you mean '127.0.0.1:3000'?"),
    ("edge2/127.0.0.1:3000", "; did you mean 'edge1/127.0.0.1:3000'?"),
    ("x", "; there are '10.0.0.5:3031', '127.0.0.1:3000', 'edge1/127.0.0.1:3000'"),
  ])
  func `of an unknown node change nothing, and name the nearest`(
    _ address: String, _ hint: String
  ) throws {
    let answer = try order("/node/disable", "address=\(address)")
    #expect(answer == .text(404, "no node '\(address)' is known here\(hint)\n"))
    #expect(keeper.book.isEmpty)
  }

  @Test func `may be about a node that has gone meanwhile, and holds when it comes back`() throws {
    _ = try order("/node/disable", "address=10.0.0.5:3031")
    let again = makeUpstream([
      NodeSettings(address: .fixed(try #require(SocketAddress("10.0.0.5:3031"))), backup: false)
    ])
    keeper.apply(to: [again])
    #expect(again.nodes[0].standing == .disabled && again.lasting.hasOrders)
    let desk = OperationsDesk(keeper: keeper, upstreams: [], hosts: [], loop: loop, now: 1000)
    #expect(throws: Never.self) { try desk.node("10.0.0.5:3031").get() }
  }

  @Test func `hold for an instance that announces itself again`() throws {
    let settings = try #require(
      try Configuration(
        yaml: """
          subscriptions: { listen: "127.0.0.1:7000" }
          upstreams: { apps: { discover: subscriptions } }
          routes: [{ host: a.test, upstream: apps }]
          """
      ).upstreams.first)
    let address = try #require(SocketAddress("10.0.0.5:3031"))
    var applications = Applications()
    applications.reconfigure([settings], now: Instant(nanoseconds: 0))
    func announce(_ instances: [Instance]) -> [NodeState] {
      applications.install(
        [Application(key: octets("a.test"), instances: instances)], now: Instant(nanoseconds: 0))
      keeper.apply(to: applications.states)
      return applications.states.flatMap(\.nodes)
    }
    let first = try #require(announce([Instance(address: address)]).first)
    _ = try order("/node/disable", "address=10.0.0.5:3031")
    keeper.apply(to: applications.states)
    #expect(first.standing == .disabled)
    #expect(announce([]).isEmpty)
    let second = try #require(announce([Instance(address: address)]).first)
    #expect(second !== first && second.standing == .disabled)
    #expect(applications.states.allSatisfy { $0.withheld() == 1 })
  }

  @Test func `name a node of another server by it, and leave the others alone`() throws {
    let file = """
      etcd: { endpoints: ["http://127.0.0.1:2379"] }
      listen: { peers: ["10.0.0.1:7443"] }
      upstreams:
        app: { nodes: ["unix:/run/a.sock"], everywhere: true }
      routes: [{ host: a.test, upstream: app }]
      """
    let everywhere = UpstreamState(
      try Configuration(yaml: file).upstreams[0],
      neighbours: Neighbours(own: "edge1", servers: ["edge2"]))
    let desk = OperationsDesk(
      keeper: keeper, upstreams: [everywhere], hosts: [], loop: loop, now: 1000)
    let command = try #require(
      OperationsCommand(path: "/node/disable", query: "address=edge2/unix:/run/a.sock"))
    desk.take(command, by: "root") { _ in }
    keeper.apply(to: [everywhere])
    #expect(everywhere.nodes.map(\.standing) == [.enabled, .disabled])
    #expect(keeper.book.all.map { "\($0.subject)" } == ["edge2/unix:/run/a.sock"])
  }

  @Test func `take sites out that a route serves, and no others`() throws {
    for (host, word) in [
      ("a.test", "a.test"), ("A.Test.", "a.test"), ("x.b.test", "x.b.test"),
      ("*.b.test", "*.b.test"), ("*", "*"),
    ] {
      let on = try order("/maintenance/on", "host=\(host)")
      #expect(on == .text(200, "\(word) is in maintenance on this server\n"))
      #expect(keeper.sites != nil)
      let off = try order("/maintenance/off", "host=\(host)")
      #expect(off == .text(200, "\(word) is served on this server\n"))
      #expect(keeper.sites == nil)
    }
    #expect(
      try order("/maintenance/pause", "host=b.test")
        == .text(404, "no route serves 'b.test'; did you mean 'a.test'?\n"))
    #expect(
      try order("/maintenance/on", "host=a_b/c")
        == .text(404, "'a_b/c' is no host such as example.org, *.example.org or *\n"))
  }

  @Test func `say that a site stays away for another order`() throws {
    _ = try order("/maintenance/on", "host=*")
    _ = try order("/maintenance/pause", "host=a.test&for=60")
    #expect(keeper.sites?.find(octets("a.test").span) == .init(isPaused: true, until: 1060))
    let off = said(try order("/maintenance/off", "host=a.test"))
    #expect(off.hasSuffix("warning: an order for a wildcard keeps it in maintenance\n"))
  }

  @Test func `are in force after a restart, and end when their time is over`() throws {
    _ = try order("/node/disable", "address=127.0.0.1:3000")
    _ = try order("/maintenance/on", "host=a.test&for=60")
    let next = Self.keeper(directory, warnings)
    #expect(next.book == keeper.book && next.sites != nil)
    next.apply(to: [upstream])
    #expect(upstream.nodes[0].standing == .disabled)
    let late = OperationsKeeper(
      node: "edge1", state: directory.path,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, warnings: warnings,
      now: { 1060 }, changed: {})
    #expect(late.sites == nil && late.book.all.count == 1)
  }

  @Test func `are told as a warning where the disk does not take them`() throws {
    try directory.write("operations", "a file")
    _ = try order("/maintenance/on", "host=a.test")
    #expect(keeper.sites != nil)
    let warning = try #require(warnings.all.first)
    #expect(warning.text.hasPrefix("orders of operators will not be in force after a restart: "))
  }

  @Test func `have a user that can be read back`() throws {
    let command = try #require(OperationsCommand(path: "/maintenance/on", query: "host=*"))
    OperationsDesk(keeper: keeper, upstreams: [], hosts: [], loop: loop, now: 1000)
      .take(command, by: "a\nb") { _ in }
    #expect(keeper.book.order(of: .host("*"))?.user == "unknown")
    #expect(keeper.book.order(of: .host("*")).map { (try? Order(value: $0.value)) == $0 } ?? false)
  }
}
