import EventLoop
import HTTPCore
import TestSupport
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

  private func read(_ copy: InstanceCopy) throws -> [InstanceCopy.Row] {
    let (rows, mistakes) = try copy.load()
    #expect(mistakes.isEmpty)
    return rows
  }

  @Test func `what was saved is read`() throws {
    let directory = try TemporaryDirectory()
    let copy = InstanceCopy(directory.path + "/instances")
    #expect(try read(copy) == [])
    #expect(try copy.save(rows()) == [])
    #expect(try read(copy) == rows())
    #expect(try copy.save([]) == [])
    #expect(try read(copy) == [])
  }

  @Test func `of a copy that was cut the whole lines are read, and the cut is told`() throws {
    let rows = try rows()
    let whole = InstanceCopy.encode(rows).bytes
    let head = Array("edgeproxy instances 1\n".utf8).count
    for count in 0..<whole.count {
      let read = InstanceCopy.decode(Array(whole[..<count]))
      guard count >= head else {
        #expect(read == nil || read?.mistakes.isEmpty == false, "\(count)")
        continue
      }
      let found = try #require(read)
      #expect(!found.mistakes.isEmpty, "\(count)")
      #expect(found.rows == Array(rows.prefix(found.rows.count)), "\(count)")
      let lines = whole[head..<count].count { $0 == UInt8(ascii: "\n") }
      #expect(found.rows.count == min(lines, rows.count), "\(count)")
    }
  }

  @Test(arguments: [
    "A.example unix 1 10.0.0.1:1 0 0 1 0 0", "a.example unix 1 10.0.0.1:0 0 0 1 0 0",
    "a.example unix 1 10.0.0.1:1 256 0 1 0 0", "a.example unix 1 10.0.0.1:1 0 0 0 0 0",
    "a.example x 1 10.0.0.1:1 0 0 1 0 0", "a.example unix -1 10.0.0.1:1 0 0 1 0 0",
    "a.example unix 1", "a.example", "", "a..b - 1", "a..b @n 1 10.0.0.1:1 0 0 1 0 0",
    "a.example @edge 1 1 10.0.0.1:1 0 0 1 0 0", "a.example @ 1 10.0.0.1:1 0 0 1 0 0",
    "a.example unix 1 10.0.0.1:1 22 0 1 0 0", "a.example unix 1 0.0.0.0:1 0 0 1 0 0",
    "a.example unix 1 10.0.0.1:1 0 0 1001 0 0",
  ])
  func `a line that was never written costs itself, and is named`(line: String) throws {
    let good = "b.example unix 1 10.0.0.1:1 0 0 1 0 0"
    let text = "edgeproxy instances 1\n\(good)\n\(line)\n\(good)\nend 3\n"
    let (rows, mistakes) = try #require(InstanceCopy.decode(Array(text.utf8)))
    #expect(rows.count == 2)
    #expect(mistakes == ["line 3: '\(line)'"])
  }

  @Test func `what could not be read back is not written, and named`() throws {
    let good = try rows()
    var bad: [InstanceCopy.Row] = []
    for key in ["a..b", "", "a b"] {
      var row = good[0]
      row.key = Array(key.utf8)
      bad.append(row)
    }
    for change: (inout InstanceCopy.Row) -> Void in [
      { $0.instance?.modifier1 = 22 }, { $0.instance?.weight = 0 },
      { $0.instance?.weight = .max }, { $0.instance?.cores = -1 }, { $0.heard = -5 },
      { $0.heard = .max }, { $0.source = .server("edge 1") }, { $0.source = .server("") },
    ] {
      var row = good[0]
      change(&row)
      bad.append(row)
    }
    let directory = try TemporaryDirectory()
    let copy = InstanceCopy(directory.path + "/instances")
    let leftOut = try copy.save(bad + good)
    #expect(leftOut.count == bad.count)
    #expect(try read(copy) == good)
  }

  @Test func `a file of other bytes is refused, and any bytes may be in it`() throws {
    var random = SeededRandom(seed: 7)
    let whole = InstanceCopy.encode(try rows()).bytes
    for _ in 0..<2000 {
      var bytes = whole
      for _ in 0...Int(random.next() % 8) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      guard let read = InstanceCopy.decode(bytes) else { continue }
      // What was read can be written and read again.
      let (again, leftOut) = InstanceCopy.encode(read.rows)
      #expect(leftOut.isEmpty)
      #expect(InstanceCopy.decode(again)?.rows == read.rows)
    }
    #expect(InstanceCopy.decode([]) == nil)
    #expect(InstanceCopy.decode([0, 255, 10, 10]) == nil)
  }

  @Test func `a clock that was set back makes no row that cannot be read`() throws {
    var registry = InstanceRegistry()
    let instance = Instance(address: try #require(SocketAddress("10.0.0.1:1")))
    let began = Instant(nanoseconds: 1_000_000_000)
    _ = registry.announce(Array("a.example".utf8), instance, .subscription(.unix), now: began)
    let rows = registry.rows(time: 5, now: began + .seconds(60))
    #expect(rows.map(\.heard) == [0])
    #expect(InstanceCopy.encode(rows).leftOut.isEmpty)
  }
}
