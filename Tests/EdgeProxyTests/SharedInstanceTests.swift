import Etcd
import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Instances as servers tell one another of them")
struct SharedInstanceTests {
  private let prefix = "/edgeproxy/"

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func read(_ key: String, _ value: String = "1 0 0 1 4 0") -> SharedInstance? {
    try? SharedInstance(storedKey: bytes(key), value: bytes(value), prefix: prefix)
  }

  @Test(arguments: [
    "10.0.0.1:3031", "[2001:db8::1]:443", "127.0.0.1:3031", "unix:%2Frun%2Fa.sock", "unix:@name",
  ])
  func `what is written is read as the same`(address: String) throws {
    for node in ["edge-1", "a/b", "100%", "%2F", "%252F/", "edge.1_2"] {
      for key in ["app1.example.org", "*.example.org"] {
        var instance = try #require(read("/edgeproxy/instances/x/y/\(address)"))
        instance.node = node
        instance.key = bytes(key)
        instance.modifier1 = 5
        instance.weight = 7
        instance.isBackup = true
        let again = try SharedInstance(
          storedKey: instance.storedKey(prefix: prefix), value: instance.storedValue,
          prefix: prefix)
        #expect(again == instance)
      }
    }
  }

  @Test(arguments: [
    ("127.0.0.1:1", "n"), ("[::1]:1", "n"), ("unix:@a", "n"), ("10.0.0.1:1", nil),
  ])
  func `what one machine alone can reach is behind its edge`(
    address: String, server: String?
  ) throws {
    #expect(try #require(read("/edgeproxy/instances/n/app/\(address)")).server == server)
  }

  @Test func `a later version may say more`() throws {
    #expect(read("/edgeproxy/instances/n/app/10.0.0.1:1", "1 0 0 3 4 0 9 words")?.weight == 3)
  }

  @Test(arguments: [
    "/other/instances/n/app/10.0.0.1:1", "/edgeproxy/instances/n/app",
    "/edgeproxy/instances/n/app/10.0.0.1:1/x", "/edgeproxy/instances//app/10.0.0.1:1",
    "/edgeproxy/instances/n//10.0.0.1:1", "/edgeproxy/instances/n/*./10.0.0.1:1",
    "/edgeproxy/instances/n/APP/10.0.0.1:1", "/edgeproxy/instances/n/a b/10.0.0.1:1",
    "/edgeproxy/instances/n/app/host:1", "/edgeproxy/instances/n/app/10.0.0.1:0",
    "/edgeproxy/instances/n/app/unix:", "/edgeproxy/instances/n/app/10.0.0.1",
    "/edgeproxy/instances/n/app/unix:/run/a.sock", "/edgeproxy/instances/n/app/unix:@a b",
  ])
  func `a key of another form is refused`(key: String) { #expect(read(key) == nil) }

  @Test(arguments: [
    "", "1", "1 0 0 1 4", "2 0 0 1 4 0", "1 22 0 1 4 0", "1 224 0 1 4 0", "1 256 0 1 4 0",
    "1 0 -1 1 4 0", "1 0 0 0 4 0",
    "1 0 0 1000001 4 0", "1 0 0 1 x 0", "1 0 0  1 4 0",
    "1 0 0 1 4 0" + String(repeating: " 0", count: 200),
  ])
  func `a value of another form is refused`(value: String) {
    #expect(read("/edgeproxy/instances/n/app/10.0.0.1:1", value) == nil)
  }

  private static let refused: [(String, String, InstanceRefusal)] = [
    ("n/a..b/10.0.0.1:1", "1 0 0 1 4 0", .badKey),
    ("n/-.example./10.0.0.1:1", "1 0 0 1 4 0", .badKey),
    ("n/app/0.0.0.0:1", "1 0 0 1 4 0", .badAddress),
    ("n/app/224.0.0.1:1", "1 0 0 1 4 0", .badAddress),
    ("n/app/255.255.255.255:1", "1 0 0 1 4 0", .badAddress),
    ("n/app/unix:relative", "1 0 0 1 4 0", .badAddress),
    ("edge 1/app/10.0.0.1:1", "1 0 0 1 4 0", .badServer),
    ("edge\n1/app/127.0.0.1:1", "1 0 0 1 4 0", .badServer),
    ("ü/app/10.0.0.1:1", "1 0 0 1 4 0", .badServer),
    ("n/app/10.0.0.1:1", "1 22 0 1 4 0", .dangerousModifier),
  ]

  @Test(arguments: refused)
  func `etcd is judged as a datagram is, and the reason is told`(
    name: String, value: String, refusal: InstanceRefusal
  ) {
    #expect(throws: refusal) {
      try SharedInstance(
        storedKey: bytes("/edgeproxy/instances/" + name), value: bytes(value), prefix: prefix)
    }
  }

  @Test func `a share and a number of cores are brought within bounds`() throws {
    let large = try #require(
      read("/edgeproxy/instances/n/app/10.0.0.1:1", "1 0 0 1000000 1000000 0"))
    #expect(large.weight == InstanceRules.weightMax)
    #expect(large.cores == InstanceRules.coresMax)
  }

  // MARK: What is told

  private func instance(_ number: Int, weight: Int = 1) throws -> SharedInstance {
    try #require(read("/edgeproxy/instances/n/app/10.0.0.1:\(number)", "1 0 0 \(weight) 4 0"))
  }

  @Test func `nothing is written without a lease, and then everything once`() throws {
    var publication = Publication(prefix: prefix)
    publication.want([try instance(1), try instance(2)])
    #expect(publication.next() == nil)
    publication.gained(7)
    let first = publication.next()
    #expect(first?.success.count == 2)
    #expect(publication.next() == nil)
    publication.ended(succeeded: true, lease: 7)
    #expect(publication.next() == nil)
    #expect(publication.isComplete)
  }

  @Test func `only what changed is written`() throws {
    var publication = Publication(prefix: prefix)
    publication.gained(7)
    publication.want([try instance(1), try instance(2)])
    _ = publication.next()
    publication.ended(succeeded: true, lease: 7)
    publication.want([try instance(1, weight: 3), try instance(3)])
    let steps = publication.next()?.success ?? []
    let gone = try instance(2).storedKey(prefix: prefix)
    #expect(steps.count == 3)
    #expect(steps.contains(.deleteRange(DeleteRangeRequest(.key(gone)))))
  }

  @Test func `a write that failed is written again, also one under a lease that is gone`() throws {
    var publication = Publication(prefix: prefix)
    publication.gained(7)
    publication.want([try instance(1)])
    _ = publication.next()
    publication.ended(succeeded: false, lease: 7)
    let again = publication.next()
    #expect(again?.success.count == 1)
    publication.lost()
    publication.gained(8)
    publication.ended(succeeded: true, lease: 7)
    let next = publication.next()
    guard case .put(let put) = next?.success.first else {
      Issue.record("no put")
      return
    }
    #expect(put.lease == 8)
  }

  @Test func `many instances are told in several writes`() throws {
    var publication = Publication(prefix: prefix)
    publication.gained(7)
    publication.want(try (1...250).map { try instance($0) })
    var sizes: [Int] = []
    while let next = publication.next() {
      sizes.append(next.success.count)
      publication.ended(succeeded: true, lease: 7)
    }
    #expect(sizes == [100, 100, 50])
  }
}
