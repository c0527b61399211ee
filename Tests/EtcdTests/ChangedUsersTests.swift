import EventLoop
import TLS
import TestSupport
import Testing

@testable import Etcd

/// etcd takes a token only until any of its users changes.
@Suite("etcd whose users change")
final class ChangedUsersTests {
  private let loop: EventLoop
  private let member: ScriptedMember
  private let client: EtcdClient
  /// Grows when somebody adds a user; a token is of one revision.
  private var revision = 1
  private var refusal = GRPCStatus(.invalidArgument, "etcdserver: revision of auth store is old")

  private static let refusals = [
    GRPCStatus(.invalidArgument, "etcdserver: revision of auth store is old"),
    GRPCStatus(.unauthenticated, "etcdserver: invalid auth token"),
    GRPCStatus(.unknown, "auth: token is expired"),
    GRPCStatus(.invalidArgument, "etcdserver: user name is empty"),
  ]

  init() throws {
    loop = try EventLoop()
    member = try ScriptedMember(on: loop) { _ in nil }
    client = EtcdClient(
      EtcdSettings(
        endpoints: [member.endpoint], identity: ClientIdentity(),
        credentials: .init(user: "edge", password: "secret")), on: loop)
    member.answer = { [unowned self] in answer($0) }
    member.refusal = { [unowned self] question in
      question == .authenticate || question == .watch || isGood ? nil : refusal
    }
  }

  deinit {
    client.close()
    member.end()
  }

  private var isGood: Bool { member.userToken == "token \(revision)" }

  private static func header(_ revision: Int64) -> [UInt8] {
    EtcdWire.bytes(1, EtcdWire.number(1, 7) + EtcdWire.number(3, revision))
  }

  private func answer(_ question: ScriptedMember.Question) -> [UInt8]? {
    let header = Self.header(5)
    switch question {
    case .authenticate: return header + EtcdWire.bytes(2, bytes("token \(revision)"))
    case .range, .put, .txn, .other: return header
    case .watch:
      let created = header + EtcdWire.number(3, 1)
      guard !isGood else { return created }
      return created + EtcdWire.number(4, 1) + EtcdWire.bytes(6, bytes(refusal.message))
    case .progress: return header + EtcdWire.number(2, -1)
    case .grant: return header + EtcdWire.number(2, 9) + EtcdWire.number(3, 20)
    case .keepAlive: return header + EtcdWire.number(2, 9) + EtcdWire.number(3, 20)
    case .status: return nil
    }
  }

  private var logins: Int { member.asked.count { $0 == .authenticate } }

  /// Turns until it is so, or far more was asked than it takes.
  private func run(until isSo: () -> Bool) throws {
    while !isSo(), member.asked.count < 200 { try loop.turn(mayWait: true) }
    #expect(isSo(), "\(member.asked)")
  }

  private func range() throws -> Result<RangeResponse, CallError>? {
    var result: Result<RangeResponse, CallError>?
    client.range(RangeRequest(.key(bytes("/a")))) { result = $0 }
    try run { result != nil }
    return result
  }

  @Test(arguments: refusals.indices)
  func `a read is asked again with a fresh token`(number: Int) throws {
    refusal = Self.refusals[number]
    #expect(throws: Never.self) { try self.range()?.get() }
    revision = 2
    #expect(throws: Never.self) { try self.range()?.get() }
    #expect(logins == 2)
  }

  @Test(arguments: refusals.indices)
  func `a write is asked again with a fresh token`(number: Int) throws {
    refusal = Self.refusals[number]
    #expect(throws: Never.self) { try self.range()?.get() }
    revision = 2
    var result: Result<PutResponse, CallError>?
    client.put(PutRequest(key: bytes("/a"), value: [])) { result = $0 }
    try run { result != nil }
    #expect(throws: Never.self) { try result?.get() }
    #expect(logins == 2)
  }

  @Test func `calls that are refused together log in once`() throws {
    #expect(throws: Never.self) { try self.range()?.get() }
    revision = 2
    var answered = 0
    for _ in 0..<5 {
      client.range(RangeRequest(.key(bytes("/a")))) { if case .success = $0 { answered += 1 } }
    }
    try run { answered == 5 }
    #expect(logins == 2)
  }

  @Test(arguments: [
    "rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old",
    "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
  ])
  func `a watch that is canceled for its token is taken up with a fresh one`(
    reason: String
  ) throws {
    let watch = RangeWatch(client, .prefix(bytes("/a"))) { _ in }
    // The token was good for the listing, and is not for the watch.
    member.refusal = { [unowned self] question in
      if question == .range, logins == 1 { revision = 2 }
      return nil
    }
    refusal = GRPCStatus(.unknown, reason)
    watch.start()
    try run { watch.isSynced }
    #expect(logins == 2)
    watch.end()
  }

  @Test func `a lease whose renewal is refused for its token is kept`() throws {
    var gained: [Int64] = []
    var losses = 0
    let lease = KeptLease(client, timeToLive: .milliseconds(300)) {
      gained.append($0)
    } lost: {
      losses += 1
    }
    try run { !gained.isEmpty }
    revision = 2
    try run { member.asked.last == .keepAlive && isGood }
    #expect(gained == [9] && losses == 0)
    #expect(logins == 2)
    lease.end()
  }

  @Test func `a server that is a user by its certificate asks again when users changed meanwhile`()
    throws
  {
    let client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
    var refusals = 1
    member.refusal = { [unowned self] _ in
      defer { refusals -= 1 }
      return refusals > 0 ? refusal : nil
    }
    var result: Result<PutResponse, CallError>?
    client.put(PutRequest(key: bytes("/a"), value: [])) { result = $0 }
    try run { result != nil }
    #expect(throws: Never.self) { try result?.get() }
    #expect(logins == 0)
    client.close()
  }
}
