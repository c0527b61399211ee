import EventLoop
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("The copy of the fleet's servers on disk")
struct PeerCopyTests {
  private let prefix = "/edgeproxy/"
  private let authority: NodeAuthority

  init() throws {
    authority = try NodeAuthority.make(name: "EdgeProxy test", now: WallTime.seconds)
  }

  private func entry(_ node: String, _ number: Int) throws -> PeerEntry {
    let issued = try authority.issue(node: node, now: WallTime.seconds)
    let address = try #require(SocketAddress("10.0.0.\(number):8444"))
    return try #require(PeerEntry(node: node, address: address, pem: issued.certificate))
  }

  private func entries() throws -> [PeerEntry] {
    try [entry("edge1", 1), entry("edge2", 2), entry("edge3", 3)]
  }

  private func bytes(_ entries: [PeerEntry]) -> [[UInt8]] {
    entries.map { Array("\($0.node) \($0.value.count)\n".utf8) + $0.value }
  }

  @Test func `what was saved is read`() throws {
    let directory = try TemporaryDirectory()
    let copy = PeerCopy(state: directory.path)
    #expect(copy.load(prefix: prefix).entries == [])
    let entries = try entries()
    #expect(copy.save(entries.reversed(), prefix: prefix) == nil)
    let (read, mistakes) = copy.load(prefix: prefix)
    #expect(read == entries)
    #expect(mistakes.isEmpty)
  }

  @Test(arguments: [
    "edge 9 5\n1 1.1.1.1:1\n", "edge9 99999999999999999999\n", "edge9 -1\n", "edge9 0\n",
    "edge9 900000\n", "edge9 4\nabcd", "ü 3\nabc", "\n\n", "edge9\n", "edge1 10\n1 10.0.0.1",
  ])
  func `an entry that is damaged costs itself, and is named`(damage: String) throws {
    let all = bytes(try entries())
    let file = all[0] + Array(damage.utf8) + Array("\n".utf8) + all[1] + all[2]
    let (read, mistakes) = PeerCopy.decode(file, prefix: prefix)
    #expect(read.map(\.node) == ["edge1", "edge2", "edge3"])
    #expect(!mistakes.isEmpty)
  }

  @Test func `a certificate that is damaged costs its server alone`() throws {
    var all = bytes(try entries())
    all[1][all[1].count / 2] = UInt8(ascii: "!")
    let (read, mistakes) = PeerCopy.decode(all.flatMap { $0 }, prefix: prefix)
    #expect(read.map(\.node) == ["edge1", "edge3"])
    #expect(mistakes.count == 1 && mistakes[0].hasPrefix("'edge2 "))
  }

  @Test func `wherever a copy is cut, the servers before are read`() throws {
    let all = bytes(try entries())
    let whole = all.flatMap { $0 }
    for count in stride(from: 0, to: whole.count, by: 7) {
      let (read, mistakes) = PeerCopy.decode(Array(whole[..<count]), prefix: prefix)
      var before = 0
      while before < all.count, all[...before].map(\.count).reduce(0, +) <= count { before += 1 }
      #expect(read.count == before, "\(count)")
      let isBetween = all[..<before].map(\.count).reduce(0, +) == count
      #expect(mistakes.isEmpty == isBetween, "\(count)")
    }
  }

  @Test func `any bytes may be in it`() throws {
    var random = SeededRandom(seed: 11)
    let whole = bytes(try entries()).flatMap { $0 }
    for _ in 0..<300 {
      var bytes = whole
      for _ in 0...Int(random.next() % 8) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      #expect(PeerCopy.decode(bytes, prefix: prefix).entries.count <= 3)
    }
  }

  @Test(arguments: ["edge 1", "edge\n1", "", "ü", "a\"b"])
  func `a server of a name that no server has is not taken`(node: String) throws {
    let key = PeerEntry.key(prefix: prefix, node: node)
    #expect(PeerEntry.node(key: key, prefix: prefix) == nil)
    let issued = try authority.issue(node: node.isEmpty ? "x" : node, now: WallTime.seconds)
    let address = try #require(SocketAddress("10.0.0.1:1"))
    #expect(PeerEntry(node: node, address: address, pem: issued.certificate) == nil)
  }
}
