import Testing

@testable import EdgeProxy
@testable import Etcd

@Suite("What etcd does not let a server write")
struct EtcdWritesTests {
  private let warnings = Warnings()
  private let lines: LogLines
  private let writes: EtcdWrites

  private static let denied = CallError.refused(
    GRPCStatus(.permissionDenied, "etcdserver: permission denied"))
  private static let full = CallError.refused(
    GRPCStatus(.resourceExhausted, "etcdserver: mvcc: database space exceeded"))

  init() throws {
    lines = try LogLines()
    writes = EtcdWrites(prefix: "/edge/", warnings: warnings, logger: lines.logger)
  }

  @Test func `is told once for each cause, with what to do`() throws {
    for _ in 0..<3 { writes.failed(.instances, Self.denied) }
    #expect(lines.all.count == 1)
    let warning = try #require(warnings.all.first)
    #expect(warning.text.contains("other servers do not know them"))
    #expect(warning.text.contains("permission denied"))
    #expect(warning.advice.contains("readwrite --prefix=true /edge/"))
    writes.failed(.instances, Self.full)
    #expect(lines.all.count == 2)
    #expect(warnings.all.first?.advice.contains("alarm disarm") == true)
    #expect(writes.refused == [.instances: 4])
  }

  @Test func `is over when a write of the kind succeeds, and no other`() {
    writes.failed(.instances, Self.denied)
    writes.failed(.tickets, Self.denied)
    writes.succeeded(.instances)
    #expect(warnings.all.map(\.key) == ["etcd write tickets"])
    writes.succeeded(.instances)
    #expect(lines.all.count == 3)
    writes.failed(.instances, Self.denied)
    #expect(lines.all.count == 4)
  }

  @Test(arguments: [
    CallError.timedOut, .unreachable(reason: "reset", mayHaveArrived: true),
    .refused(GRPCStatus(.unavailable, "etcdserver: no leader")),
    .refused(GRPCStatus(.notFound, "etcdserver: requested lease not found")),
  ])
  func `an etcd that is away or has lost a lease is no refusal`(_ error: CallError) {
    writes.failed(.leases, error)
    #expect(warnings.all.isEmpty && lines.all.isEmpty && writes.refused.isEmpty)
  }
}
