import Etcd
import Testing

@Suite("Responses captured from etcd")
struct ResponseTests {
  private func header(_ revision: Int64) -> ResponseHeader {
    var header = ResponseHeader(revision: revision)
    header.clusterID = capturedCluster
    header.memberID = capturedMember
    header.raftTerm = 2
    return header
  }

  private func only(_ name: String) throws -> [UInt8] {
    let all = try messages("\(name).resp")
    try #require(all.count == 1)
    return all[0]
  }

  private func stored(
    _ key: String, _ value: String, created: Int64, modified: Int64, version: Int64
  ) -> KeyValue {
    var keyValue = KeyValue(key: bytes(key), value: bytes(value), modRevision: modified)
    keyValue.createRevision = created
    keyValue.version = version
    return keyValue
  }

  @Test func `a range has its keys, an empty value is no field`() throws {
    let one = try RangeResponse(decoding: only("range"))
    #expect(one.header == header(35))
    #expect(one.keyValues == [stored("foo", "bar", created: 35, modified: 35, version: 1)])
    #expect(one.count == 1)
    #expect(!one.hasMore)
    let two = try RangeResponse(decoding: only("range-prefix"))
    #expect(
      two.keyValues == [
        stored("/app/a", "1", created: 4, modified: 4, version: 1),
        stored("/app/b", "", created: 5, modified: 5, version: 1),
      ])
    #expect(two.count == 2)
  }

  @Test func `a put and a deletion say at which revision`() throws {
    let put = try PutResponse(decoding: only("put"))
    #expect(put.header == header(35))
    #expect(put.previous == nil)
    let deletion = try DeleteRangeResponse(decoding: only("delete"))
    #expect(deletion.header == header(37))
    #expect(deletion.deleted == 1)
    #expect(deletion.previous == [stored("lk2", "me", created: 36, modified: 36, version: 1)])
  }

  @Test func `a transaction has what became of each step`() throws {
    let done = try TxnResponse(decoding: only("txn-create"))
    #expect(done.succeeded)
    guard case .put(let put)? = done.responses.first, done.responses.count == 1 else {
      Issue.record("\(done.responses)")
      return
    }
    #expect(put.header == ResponseHeader(revision: 36))
    let refused = try TxnResponse(decoding: only("txn-create2"))
    #expect(!refused.succeeded)
    guard case .range(let range)? = refused.responses.first, refused.responses.count == 1 else {
      Issue.record("\(refused.responses)")
      return
    }
    #expect(range.keyValues == [stored("lk2", "me", created: 36, modified: 36, version: 1)])
  }

  @Test func `a lease is alive while it has seconds`() throws {
    let granted = try LeaseGrantResponse(decoding: only("lease-grant"))
    #expect(granted.id == 4242)
    #expect(granted.seconds == 60)
    #expect(granted.error.isEmpty)
    let alive = try LeaseKeepAliveResponse(decoding: only("lease-keepalive"))
    #expect(alive.id == 4242)
    #expect(alive.isAlive)
    let gone = try LeaseKeepAliveResponse(decoding: only("lease-keepalive-unknown"))
    #expect(gone.id == 434_343)
    #expect(!gone.isAlive)
  }

  @Test func `a status says who leads`() throws {
    let status = try StatusResponse(decoding: only("status"))
    #expect(status.header == header(37))
    #expect(status.version == "3.4.23")
    #expect(status.leader == capturedMember)
    #expect(status.raftIndex == 56)
    #expect(status.raftAppliedIndex == 56)
    #expect(status.raftTerm == 2)
    #expect(status.databaseBytes == 12_947_456)
    #expect(status.databaseBytesInUse == 8_048_640)
    #expect(status.errors.isEmpty)
  }

  @Test func `a watch is created, tells an event and its progress, and is canceled`() throws {
    let all = try messages("watch.resp").map { try WatchResponse(decoding: $0) }
    try #require(all.count == 4)
    #expect(all[0].isCreated)
    #expect(all[0].header.revision == 37)
    #expect(
      all[1].events == [
        Event(.put, stored("/w/a", "1", created: 38, modified: 38, version: 1))
      ])
    #expect(all[2].watchID == -1)
    #expect(all[2].header.revision == 38)
    #expect(all[2].events.isEmpty)
    #expect(all[3].isCanceled)
    #expect(all[3].compactRevision == 0)
  }

  @Test func `a watch from a compacted revision is created and canceled`() throws {
    let all = try messages("watch-compacted.resp").map { try WatchResponse(decoding: $0) }
    try #require(all.count == 2)
    #expect(all[0].isCreated)
    #expect(all[1].isCanceled)
    #expect(all[1].compactRevision == 6)
    #expect(all[1].header.revision == 0)
  }

  @Test func `fields that nobody knows yet are passed over`() throws {
    let unknown: [UInt8] = [
      0x78, 0x96, 1, 0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 1, 9,
    ]
    let plain = try only("range")
    let expected = try RangeResponse(decoding: plain)
    #expect(try RangeResponse(decoding: unknown + plain) == expected)
    #expect(try RangeResponse(decoding: plain + unknown) == expected)
  }
}
