import Etcd
import Testing

@Suite("Requests")
struct RequestTests {
  @Test func `are the bytes that etcd understood`() throws {
    let lk2 = KeyRange.key(bytes("lk2"))
    let create = PutRequest(key: bytes("lk2"), value: bytes("me"))
    var compacted = RangeRequest(.key(bytes("foo")))
    compacted.revision = 3
    var delete = DeleteRangeRequest(lk2)
    delete.wantsPrevious = true
    let watch = KeyRange.prefix(bytes("/w/"))
    let requests: [(String, [UInt8])] = [
      ("range", RangeRequest(.key(bytes("foo"))).encoded()),
      ("range-prefix", RangeRequest(.prefix(bytes("/app/"))).encoded()),
      ("range-compacted", compacted.encoded()),
      ("put", PutRequest(key: bytes("foo"), value: bytes("bar")).encoded()),
      ("delete", delete.encoded()),
      (
        "txn-create2",
        TxnRequest(
          compare: [Compare(lk2, .equal, .createRevision(0))], success: [.put(create)],
          failure: [.range(RangeRequest(lk2))]
        ).encoded()
      ),
      ("lease-grant", LeaseGrantRequest(seconds: 60, id: 4242).encoded()),
      ("lease-keepalive", LeaseKeepAliveRequest(id: 4242).encoded()),
      ("lease-keepalive-unknown", LeaseKeepAliveRequest(id: 434_343).encoded()),
      ("status", StatusRequest().encoded()),
      ("authenticate", AuthenticateRequest(name: "root", password: "x").encoded()),
      ("watch", WatchRequest.create(WatchCreateRequest(watch)).encoded()),
      ("watch-compacted", WatchRequest.create(WatchCreateRequest(watch, from: 3)).encoded()),
    ]
    for (name, request) in requests {
      #expect(try MessageFramer.frame(request) == captured("\(name).req"), "\(name)")
    }
  }

  @Test func `a comparison names its target and always has a value`() {
    let key = KeyRange.key([0x6b])
    let start: [UInt8] = [0x1a, 1, 0x6b]
    #expect(Compare(key, .equal, .version(0)).encoded() == start + [0x20, 0])
    #expect(
      Compare(key, .greater, .createRevision(1)).encoded() == [8, 1, 0x10, 1] + start + [0x28, 1])
    #expect(Compare(key, .less, .modRevision(7)).encoded() == [8, 2, 0x10, 2] + start + [0x30, 7])
    #expect(Compare(key, .notEqual, .value([])).encoded() == [8, 3, 0x10, 3] + start + [0x3a, 0])
    #expect(Compare(key, .equal, .lease(300)).encoded() == [0x10, 4] + start + [0x40, 0xac, 2])
    // Field 64 takes a tag of two bytes.
    let prefix = Compare(.prefix([0x6b]), .equal, .version(0)).encoded()
    #expect(prefix == start + [0x20, 0, 0x82, 4, 1, 0x6c])
  }

  @Test func `every option has the number of its field`() {
    var range = RangeRequest(.key([0x6b]))
    range.limit = 5
    range.isSerializable = true
    range.keysOnly = true
    range.countOnly = true
    #expect(range.encoded() == [0x0a, 1, 0x6b, 0x18, 5, 0x38, 1, 0x40, 1, 0x48, 1])
    var put = PutRequest(key: [0x6b], value: [])
    put.lease = 9
    put.wantsPrevious = true
    #expect(put.encoded() == [0x0a, 1, 0x6b, 0x18, 9, 0x20, 1])
    var watch = WatchCreateRequest(.key([0x6b]), from: 8)
    watch.wantsProgress = true
    watch.wantsPrevious = true
    watch.allowsFragments = true
    let fields: [UInt8] = [0x0a, 1, 0x6b, 0x18, 8, 0x20, 1, 0x30, 1, 0x40, 1]
    #expect(WatchRequest.create(watch).encoded() == [0x0a, UInt8(fields.count)] + fields)
    #expect(WatchRequest.cancel(watchID: 3).encoded() == [0x12, 2, 8, 3])
    #expect(WatchRequest.cancel(watchID: 0).encoded() == [0x12, 0])
    #expect(WatchRequest.progress.encoded() == [0x1a, 0])
    #expect(LeaseRevokeRequest(id: 1).encoded() == [8, 1])
  }

  @Test func `a negative number takes ten bytes`() {
    let negative = LeaseRevokeRequest(id: -1).encoded()
    #expect(negative == [8] + Array(repeating: 0xff, count: 9) + [1])
  }

  @Test(arguments: [
    ("/app/", "/app0"), ("a", "b"), ("a\u{7f}", "a\u{80}"),
  ])
  func `a prefix ends where its last byte is one more`(prefix: String, end: String) {
    let expected = prefix == "a\u{7f}" ? [0x61, 0x80] : bytes(end)
    #expect(KeyRange.prefix(bytes(prefix)).start == bytes(prefix))
    #expect(KeyRange.prefix(bytes(prefix)).end == expected)
  }

  @Test func `the highest bytes of a prefix are left out of its end`() {
    #expect(KeyRange.prefix([0x61, 0xff]).end == [0x62])
    #expect(KeyRange.prefix([0x61, 0xfe, 0xff, 0xff]).end == [0x61, 0xff])
    #expect(KeyRange.prefix([0xff, 0xff]).end == [0])
    #expect(KeyRange.prefix([]).start == [0])
    #expect(KeyRange.prefix([]).end == [0])
    #expect(KeyRange.key([0x61]).end.isEmpty)
  }

  @Test func `a range contains the keys that etcd would give`() {
    #expect(KeyRange.prefix(bytes("/a/")).contains(bytes("/a/b")))
    #expect(KeyRange.prefix(bytes("/a/")).contains(bytes("/a/")))
    #expect(!KeyRange.prefix(bytes("/a/")).contains(bytes("/a")))
    #expect(KeyRange.prefix([]).contains([0xff]))
    #expect(KeyRange.key(bytes("/a")).contains(bytes("/a")))
    #expect(!KeyRange.key(bytes("/a")).contains(bytes("/a/b")))
  }

  @Test func `neither a password nor a token is printed`() throws {
    let request = AuthenticateRequest(name: "alice", password: "hunter2")
    #expect("\(request) \(String(reflecting: request))".contains("alice"))
    #expect(!"\(request) \(String(reflecting: request))".contains("hunter2"))
    let response = try AuthenticateResponse(decoding: [0x12, 3] + bytes("t.1"))
    #expect(response.token == "t.1")
    #expect(!"\(response) \(String(reflecting: response))".contains("t.1"))
  }
}
