import EventLoop
import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("The copy of the instances on disk")
struct InstanceCopyTests {
  private func rows() throws -> [InstanceCopy.Row] {
    let source = SubscriptionSource.machine(IPAddress(ipv4: 0x0a00_0001))
    return try ["10.0.0.1:1", "[2001:db8::1]:2", "unix:/run/a.sock", "unix:@a"].map { text in
      InstanceCopy.Row(
        key: Array("*.example.org".utf8), heard: 1_795_382_999,
        instance: Instance(
          address: try #require(SocketAddress(text)), modifier1: 5, weight: 3, cores: 4,
          isBackup: true),
        source: text.hasPrefix("unix") ? .unix : source)
    } + [InstanceCopy.Row(key: Array("b.example".utf8), heard: 7, instance: nil)]
  }

  @Test func `what was saved is read`() throws {
    let directory = try TemporaryDirectory()
    let copy = InstanceCopy(directory.path + "/instances")
    #expect(try copy.load() == [])
    try copy.save(rows())
    #expect(try copy.load() == rows())
    try copy.save([])
    #expect(try copy.load() == [])
  }

  @Test func `a copy that lacks anything is refused whole`() throws {
    let whole = InstanceCopy.encode(try rows())
    for count in 0..<whole.count {
      #expect(InstanceCopy.decode(Array(whole[..<count])) == nil, "\(count)")
    }
  }

  @Test(arguments: [
    "A.example unix 1 10.0.0.1:1 0 0 1 0 0", "a.example unix 1 10.0.0.1:0 0 0 1 0 0",
    "a.example unix 1 10.0.0.1:1 256 0 1 0 0", "a.example unix 1 10.0.0.1:1 0 0 0 0 0",
    "a.example x 1 10.0.0.1:1 0 0 1 0 0", "a.example unix -1 10.0.0.1:1 0 0 1 0 0",
    "a.example unix 1", "a.example", "",
  ])
  func `a line that was never written is refused`(line: String) {
    let text = "edgeproxy instances 1\n\(line)\nend 1\n"
    #expect(InstanceCopy.decode(Array(text.utf8)) == nil)
  }
}
