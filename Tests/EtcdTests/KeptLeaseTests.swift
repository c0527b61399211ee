import EventLoop
import TLS
import TestSupport
import Testing

@testable import Etcd

@Suite("A lease that is not granted or not renewed")
struct KeptLeaseTests {
  private static let full = GRPCStatus(
    .resourceExhausted, "etcdserver: mvcc: database space exceeded")

  @Test func `a refused grant is told to the holder, and asked for again`() throws {
    let loop = try EventLoop()
    let member = try ScriptedMember(on: loop) { question in
      question == .grant ? EtcdWire.number(2, 9) + EtcdWire.number(3, 20) : nil
    }
    var refusals = 1
    member.refusal = { question in
      guard question == .grant, refusals > 0 else { return nil }
      refusals -= 1
      return Self.full
    }
    let client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
    var (gained, failures): ([Int64], [CallError]) = ([], [])
    let lease = KeptLease(
      client, timeToLive: .seconds(20), gained: { gained.append($0) }, lost: {},
      failed: { failures.append($0) })
    while gained.isEmpty, member.asked.count < 20 { try loop.turn(mayWait: true) }
    #expect(failures == [.refused(Self.full)] && gained == [9])
    #expect(failures.first?.isRefusal == true)
    lease.end()
    client.close()
    member.end()
  }

  @Test func `a grant without an identifier is none, and is told`() throws {
    let loop = try EventLoop()
    let member = try ScriptedMember(on: loop) { _ in EtcdWire.number(3, 20) }
    let client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
    var (gained, failures): ([Int64], [CallError]) = ([], [])
    let lease = KeptLease(
      client, timeToLive: .seconds(20), gained: { gained.append($0) }, lost: {},
      failed: { failures.append($0) })
    while gained.isEmpty, failures.isEmpty { try loop.turn(mayWait: true) }
    #expect(gained.isEmpty && failures == [.malformed("it grants no lease")])
    lease.end()
    client.close()
    member.end()
  }
}
