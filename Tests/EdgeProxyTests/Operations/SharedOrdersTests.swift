import Etcd
import EventLoop
import Glibc
import Logging
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

/// Two servers of a fleet and a member of etcd.
@Suite(
  "Orders of operators in a fleet",
  .enabled(if: unsafe access(RealEtcd.program, X_OK) == 0, "the package etcd-server has etcd"))
struct SharedOrdersTests {
  /// One server as far as orders go.
  private final class Member {
    let name: String
    let directory: TemporaryDirectory
    let client: EtcdClient
    let keeper: OperationsKeeper
    let warnings = Warnings()
    let upstream: UpstreamState
    private let loop: EventLoop

    init(_ name: String, _ etcd: RealEtcd, on loop: EventLoop, state: TemporaryDirectory? = nil)
      throws
    {
      self.name = name
      self.loop = loop
      directory = try state ?? TemporaryDirectory()
      let client = etcd.client()
      self.client = client
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      keeper = OperationsKeeper(
        node: name, state: directory.path, logger: logger, warnings: warnings, now: { 1000 },
        changed: {})
      let writes = EtcdWrites(prefix: "/e/", warnings: warnings, logger: logger)
      upstream = makeUpstream([
        NodeSettings(address: .fixed(try #require(SocketAddress("127.0.0.1:3000"))), backup: false),
        NodeSettings(address: .fixed(try #require(SocketAddress("10.0.0.5:3031"))), backup: false),
      ])
      keeper.share { SharedOrders(client, on: loop, prefix: "/e/", writes: writes, heard: $0) }
    }

    /// The answer once it is there.
    func order(_ path: String, _ query: String) throws -> () -> AdminAnswer? {
      let command = try #require(OperationsCommand(path: path, query: query))
      let box = Box()
      OperationsDesk(
        keeper: keeper, upstreams: [upstream], hosts: [octets("a.test")], loop: loop, now: 1000
      ).take(command, by: "root") { box.answer = $0 }
      return { box.answer }
    }

    var standings: [Standing] {
      keeper.apply(to: [upstream])
      return upstream.nodes.map(\.standing)
    }

    func end() {
      keeper.shared?.stop()
      client.close()
    }

    private final class Box { var answer: AdminAnswer? }
  }

  private let loop: EventLoop
  private let etcd: RealEtcd
  private let first: Member
  private let second: Member

  init() throws {
    loop = try EventLoop()
    etcd = try RealEtcd(on: loop)
    first = try Member("edge1", etcd, on: loop)
    second = try Member("edge2", etcd, on: loop)
    try turn { first.keeper.shared?.isSynced ?? false && second.keeper.shared?.isSynced ?? false }
  }

  private func turn(
    until isSo: () throws -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let patience = loop.clockNow + .seconds(30)
    // The loop turns at least with the questions of the watches.
    while try !isSo(), loop.clockNow < patience { try loop.turn(mayWait: true) }
    #expect(try isSo(), sourceLocation: location)
  }

  private func done(_ member: Member, _ path: String, _ query: String) throws -> AdminAnswer {
    let answer = try member.order(path, query)
    try turn { answer() != nil }
    return try #require(answer())
  }

  private func put(_ key: String, _ value: String) throws {
    var isPut = false
    first.client.put(PutRequest(key: octets("/e/operations/" + key), value: octets(value))) {
      if case .success = $0 { isPut = true }
    }
    try turn { isPut }
  }

  private func end() {
    first.end()
    second.end()
    etcd.end()
  }

  @Test func `hold on every server, and are taken back from any of them`() throws {
    #expect(
      try done(first, "/node/disable", "address=10.0.0.5:3031")
        == .text(200, "10.0.0.5:3031 is disabled on every server\n"))
    #expect(first.standings == [.enabled, .disabled])
    try turn { second.standings == [.enabled, .disabled] }
    #expect(second.keeper.order(of: second.upstream.nodes[1])?.server == "edge1")
    #expect(try done(second, "/node/enable", "address=10.0.0.5:3031").status == 200)
    #expect(second.standings == [.enabled, .enabled])
    try turn { first.standings == [.enabled, .enabled] }
    // What no server has any more is told to be so.
    #expect(try done(first, "/node/enable", "address=10.0.0.5:3031").status == 200)
    end()
  }

  @Test func `of a node that only its machine reaches concern that server's`() throws {
    #expect(try done(first, "/node/drain", "address=127.0.0.1:3000").status == 200)
    try turn { !second.keeper.book.isEmpty }
    #expect(first.standings == [.draining, .enabled])
    #expect(second.standings == [.enabled, .enabled])
    end()
  }

  @Test func `are in force after a restart before etcd has said anything, and while it is away`()
    throws
  {
    #expect(try done(first, "/node/disable", "address=10.0.0.5:3031").status == 200)
    #expect(try done(first, "/maintenance/pause", "host=a.test").status == 200)
    try turn { second.keeper.book.all.count == 2 }
    second.end()
    let third = try Member("edge2", etcd, on: loop, state: second.directory)
    #expect(third.standings == [.enabled, .disabled] && third.keeper.sites != nil)
    etcd.end()
    try turn { !(first.keeper.shared?.isSynced ?? true) }
    let refused = try done(first, "/node/enable", "address=10.0.0.5:3031")
    #expect(refused.status == 503)
    let words = text(refused.body.span)
    #expect(words.hasPrefix("etcd is away (") && words.contains("nothing was changed; '--here'"))
    #expect(first.standings == [.enabled, .disabled] && third.standings == first.standings)
    // Of this server alone it is done all the same, and the fleet's order counts on.
    let own = try done(first, "/node/drain", "address=127.0.0.1:3000&here=1")
    #expect(own.status == 200 && text(own.body.span).contains("other servers do not know of it"))
    #expect(first.standings == [.draining, .disabled])
    third.end()
    first.end()
  }

  @Test func `of one server stay its own, and the fleet's counts beside them`() throws {
    #expect(try done(first, "/node/drain", "address=10.0.0.5:3031&here=1").status == 200)
    #expect(try done(second, "/maintenance/on", "host=a.test").status == 200)
    try turn { first.keeper.sites != nil }
    #expect(first.standings == [.enabled, .draining] && second.standings == [.enabled, .enabled])
    #expect(try done(second, "/node/disable", "address=10.0.0.5:3031").status == 200)
    try turn { first.standings == [.enabled, .disabled] }
    let own = try done(first, "/node/enable", "address=10.0.0.5:3031&here=1")
    #expect(text(own.body.span).contains("stays disabled by root on edge2 for the whole fleet"))
    #expect(first.standings == [.enabled, .disabled])
    // To enable it everywhere takes its own order back as well.
    #expect(try done(first, "/node/drain", "address=10.0.0.5:3031&here=1").status == 200)
    #expect(try done(first, "/node/enable", "address=10.0.0.5:3031").status == 200)
    #expect(first.standings == [.enabled, .enabled])
    end()
  }

  @Test func `that nobody can read change nothing and are told`() throws {
    #expect(try done(first, "/node/disable", "address=10.0.0.5:3031").status == 200)
    try turn { second.standings == [.enabled, .disabled] }
    try put("nodes/10.0.0.5:3031", "off, please")
    try put("hosts/A.TEST", "1 state=maintenance at=1 server=a by=b")
    try turn { second.warnings.all.count == 2 && first.warnings.all.count == 2 }
    #expect(second.standings == [.enabled, .disabled] && second.keeper.sites == nil)
    let warning = try #require(second.warnings.all.first { $0.key.contains("10.0.0.5") })
    #expect(
      warning.text == "the order of etcd at 'operations/nodes/10.0.0.5:3031' changes nothing: its"
        + " form is none of version 1")
    // Another order puts it right.
    #expect(try done(first, "/node/enable", "address=10.0.0.5:3031").status == 200)
    try turn { second.standings == [.enabled, .enabled] && second.warnings.all.count == 1 }
    end()
  }

  @Test func `with an end are ended by etcd, for all servers`() throws {
    #expect(try done(first, "/maintenance/on", "host=a.test&for=2").status == 200)
    try turn { second.keeper.sites != nil }
    #expect(second.keeper.book.order(of: .host("a.test"))?.until == 1002)
    // Their own clocks stand still.
    try turn { first.keeper.sites == nil && second.keeper.sites == nil }
    end()
  }
}
