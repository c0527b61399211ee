import Etcd
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What etcd says of the servers of the fleet")
struct FleetRegisterTests {
  /// Enough of etcd for transactions: keys with revisions, and comparisons.
  private final class Store {
    var keys: [[UInt8]: KeyValue] = [:]
    var revision: Int64 = 1

    func put(_ key: String, _ value: String) { _ = put(octets(key), octets(value)) }

    private func put(_ key: [UInt8], _ value: [UInt8]) -> KeyValue {
      var keyValue = KeyValue(key: key, value: value, modRevision: revision)
      keyValue.version = (keys[key]?.version ?? 0) + 1
      keys[key] = keyValue
      return keyValue
    }

    private func holds(_ compare: Compare) -> Bool {
      let found = keys[compare.range.start]
      return switch compare.target {
      case .version(let version): found?.version ?? 0 == version
      case .modRevision(let revision): found?.modRevision ?? 0 == revision
      case .value(let value): found?.value == value
      case .createRevision, .lease: false
      }
    }

    /// What it changed; `nil` where a comparison did not hold.
    func commit(_ request: TxnRequest) -> Changes? {
      guard request.compare.allSatisfy(holds) else { return nil }
      revision += 1
      var changes = Changes()
      for step in request.success {
        switch step {
        case .put(let put): changes.put.append(self.put(put.key, put.value))
        case .deleteRange(let deletion):
          keys[deletion.range.start] = nil
          changes.removed.append(deletion.range.start)
        case .range, .txn: break
        }
      }
      return changes
    }

    var listing: Changes { Changes(put: Array(keys.values), isListing: true) }
  }

  private func address(_ number: Int) -> IPAddress { SeenFleet.address(number) }

  /// All servers learn what etcd has and ask for a place, until all have one.
  private func settle(_ registers: inout [String: FleetRegister], _ store: Store) -> Int {
    var rounds = 0
    while rounds < 100 {
      for node in registers.keys { registers[node]?.apply(store.listing) }
      let wishes = registers.sorted { $0.key < $1.key }.enumerated().compactMap { index, pair in
        pair.value.registration([address(index + 1)], port: 443)
      }
      guard !wishes.isEmpty else { break }
      rounds += 1
      for wish in wishes { _ = store.commit(wish) }
    }
    return rounds
  }

  private func registers(_ names: [String]) -> [String: FleetRegister] {
    [String: FleetRegister](
      uniqueKeysWithValues: names.map { ($0, FleetRegister(prefix: "/e/", node: $0)) })
  }

  @Test func `the first server has the number 1`() throws {
    let store = Store()
    var register = FleetRegister(prefix: "/e/", node: "a")
    let wish = try #require(register.registration([address(1)], port: 8443))
    let changes = try #require(store.commit(wish))
    register.apply(changes)
    #expect(
      register.known
        == [KnownServer(node: "a", number: 1, addresses: [address(1)], port: 8443)])
    #expect(store.keys[octets("/e/dns/numbers/1")]?.value == octets("a"))
    #expect(register.registration([address(1)], port: 8443) == nil)
  }

  @Test func `of two that want the same number at once one has it, and the other the next`() throws
  {
    let store = Store()
    var (first, second) = (
      FleetRegister(prefix: "/e/", node: "a"), FleetRegister(prefix: "/e/", node: "b")
    )
    let wishes = [
      try #require(first.registration([address(1)], port: 443)),
      try #require(second.registration([address(2)], port: 443)),
    ]
    #expect(store.commit(wishes[1]) != nil)
    #expect(store.commit(wishes[0]) == nil)
    first.apply(store.listing)
    second.apply(store.listing)
    #expect(second.registration([address(2)], port: 443) == nil)
    _ = store.commit(try #require(first.registration([address(1)], port: 443)))
    first.apply(store.listing)
    #expect(first.known.map(\.node) == ["b", "a"])
    #expect(first.known.map(\.number) == [1, 2])
  }

  @Test(arguments: [1, 2, 3, 40])
  func `servers that begin together have the smallest numbers, one each`(count: Int) {
    let store = Store()
    var all = registers((1...count).map { "s\($0 + 100)" })
    for node in all.keys { store.put("/e/dns/sight/\(node)", "1 port=open") }
    // Those that know of each other do not get in each other's way.
    #expect(settle(&all, store) == 1)
    let known = all["s101"]?.known ?? []
    #expect(known.map(\.number) == Array(1...count))
    #expect(Set(known.map(\.node)).count == count)
    #expect(all.values.allSatisfy { $0.known == known })
  }

  @Test func `a server keeps its number, whatever becomes of its addresses and of others`() throws {
    let store = Store()
    var all = registers(["a", "b", "c"])
    _ = settle(&all, store)
    var b = try #require(all["b"])
    let number = try #require(b.known.first { $0.node == "b" }?.number)
    let moved = [address(77), address(78)]
    _ = store.commit(try #require(b.registration(moved, port: 444)))
    // It has begun again.
    b = FleetRegister(prefix: "/e/", node: "b")
    b.apply(store.listing)
    #expect(b.registration(moved, port: 444) == nil)
    #expect(
      b.known.first { $0.node == "b" }
        == KnownServer(node: "b", number: number, addresses: moved, port: 444))
  }

  @Test func `a write whose answer was lost takes no second number`() throws {
    let store = Store()
    var register = FleetRegister(prefix: "/e/", node: "a")
    let wish = try #require(register.registration([address(1)], port: 443))
    _ = store.commit(wish)
    #expect(store.commit(wish) == nil)
    // Nor the next one, where another has the first as far as this server knows.
    let other = KeyValue(key: octets("/e/dns/numbers/1"), value: octets("b"), modRevision: 9)
    register.apply(Changes(put: [other]))
    #expect(store.commit(try #require(register.registration([address(1)], port: 443))) == nil)
  }

  @Test func `a server that is gone is forgotten, and the next one has its number`() throws {
    let store = Store()
    var all = registers(["a", "b", "c"])
    _ = settle(&all, store)
    let number = try #require(all["a"]?.known.first { $0.node == "b" }?.number)
    store.put("/e/dns/sight/c", "1 port=open")
    var a = try #require(all["a"])
    a.apply(store.listing)
    #expect(throws: ForgetFailure.isThere("a")) { _ = try a.removal(of: "a") }
    #expect(throws: ForgetFailure.isThere("c")) { _ = try a.removal(of: "c") }
    #expect("\(ForgetFailure.isThere("c"))".hasSuffix("counts as running for 15 s more"))
    #expect(throws: ForgetFailure.unknown("x")) { _ = try a.removal(of: "x") }
    let changes = try #require(store.commit(try a.removal(of: "b")))
    a.apply(changes)
    #expect(!a.known.contains { $0.node == "b" } && a.known.count == 2)
    var d = FleetRegister(prefix: "/e/", node: "d")
    d.apply(store.listing)
    _ = store.commit(try #require(d.registration([address(4)], port: 443)))
    d.apply(store.listing)
    #expect(d.known.first { $0.node == "d" }?.number == number)
  }

  @Test func `a server that comes back while it is being forgotten stays`() throws {
    let store = Store()
    var all = registers(["a", "b"])
    _ = settle(&all, store)
    let request = try #require(try all["a"]?.removal(of: "b"))
    store.put("/e/dns/sight/b", "1 port=open")
    #expect(store.commit(request) == nil)
  }

  @Test(arguments: [
    "", "1", "2 number=1 port=443 address=192.0.2.1", "1 number=0 port=443 address=192.0.2.1",
    "1 number=1 port=0 address=192.0.2.1", "1 number=1 port=443", "1 port=443 address=192.0.2.1",
    "1 number=1 port=443 address=192.0.2.300", "1 number=1 port=443 address=a.test",
    "1 number=10000 port=443 address=192.0.2.1", "1 number=1 port=65536 address=192.0.2.1",
    "1 number=-1 port=443 address=192.0.2.1",
    "1 number=1 port=443 " + (1...9).map { "address=192.0.2.\($0)" }.joined(separator: " "),
    "1 number=1 port=443 address=192.0.2.1 " + String(repeating: "x", count: 1024),
  ])
  func `a value that is no server is passed over`(_ value: String) {
    let store = Store()
    store.put("/e/dns/servers/b", value)
    for number in ["0", "1", "01", "-1", "10000", "x"] {
      store.put("/e/dns/numbers/\(number)", "b")
    }
    store.put("/e/dns/sight/b", value)
    store.put("/e/dns/other", value)
    var register = FleetRegister(prefix: "/e/", node: "a")
    register.apply(store.listing)
    #expect(register.known.isEmpty)
    #expect(register.sights.isEmpty)
    // It stands in nobody's way.
    #expect(register.registration([address(1)], port: 443) != nil)
  }

  @Test func `a server whose number is another's is passed over`() {
    let store = Store()
    store.put("/e/dns/servers/b", "1 number=1 port=443 address=192.0.2.1")
    store.put("/e/dns/servers/c", "1 number=1 port=443 address=192.0.2.2 later=words")
    store.put("/e/dns/numbers/1", "c")
    var register = FleetRegister(prefix: "/e/", node: "a")
    register.apply(store.listing)
    #expect(register.known.map(\.node) == ["c"])
  }

  @Test func `no more than three hundred servers are known`() {
    let store = Store()
    for number in 1...2000 {
      store.put("/e/dns/servers/s\(number)", "1 number=\(number) port=443 address=192.0.2.1")
      store.put("/e/dns/numbers/\(number)", "s\(number)")
      store.put("/e/dns/sight/s\(number)", "1 port=open")
    }
    var register = FleetRegister(prefix: "/e/", node: "a")
    register.apply(store.listing)
    #expect(register.known.count == KnownServer.countMax)
    #expect(register.sights.count == 1000)
  }

  @Test func `what was kept on disk is read again, but for what is damaged`() {
    let servers = [
      KnownServer(node: "a", number: 1, addresses: [address(1), address(2)], port: 443),
      KnownServer(node: "b", number: 7, addresses: [address(3)], port: 8443),
    ]
    let bytes = FleetCopy.encode(servers)
    #expect(FleetCopy.decode(bytes) == servers)
    #expect(FleetCopy.decode(octets("x\n\n a b\n") + bytes + octets("c 1 numb")) == servers)
    #expect(FleetCopy.decode([]) == [])
  }

  @Test func `without etcd the configuration names the servers by their first address`() {
    let lists = [[address(1)], [address(2), address(3)]]
    let b = KnownServer.configured(lists, node: "b", own: [address(3)], port: 443)
    #expect(b.map(\.node) == ["192.0.2.1", "b"] && b.map(\.number) == [1, 2])
    let other = KnownServer.configured(lists, node: "c", own: [address(9)], port: 443)
    #expect(other.map(\.node) == ["192.0.2.1", "192.0.2.2", "c"])
    #expect(
      KnownServer.configured([], node: "c", own: [address(9)], port: 443).map(\.number) == [1])
  }
}

@Suite("What a server says that it sees")
struct ServerSightTests {
  private let six = IPAddress(high: 0x2001_0db8_0000_0000, low: 7)

  @Test func `is read as it was written`() throws {
    let addresses = (1...4).map(SeenFleet.address)
    let sight = ServerSight(
      isOpen: true,
      views: [
        addresses[0]: .connects, addresses[1]: .fails, addresses[2]: .fails,
        addresses[3]: .cannotSay, six: .cannotSay,
      ])
    #expect(
      sight.value
        == octets("1 port=open unsure=ipv6 fails=192.0.2.2 fails=192.0.2.3 unsure=192.0.2.4"))
    let read = try #require(ServerSight(sight.value))
    #expect(read == sight)
    #expect(addresses.map(read.view) == [.connects, .fails, .fails, .cannotSay])
    #expect(read.view(six) == .cannotSay)
    #expect(ServerSight(isOpen: false).value == octets("1 port=closed"))
  }

  @Test(arguments: ["", "1", "2 port=open", "1 port=ajar", "port=open", "1 fails=192.0.2.1"])
  func `is nothing where it is of another form`(_ value: String) {
    #expect(ServerSight(octets(value)) == nil)
  }

  @Test func `has one word about each address, whatever was written`() throws {
    let value =
      "1 port=closed fails=x unsure=192.0.2.1 fails=192.0.2.1 unsure=ipv6 fails=2001:db8::7"
    let sight = try #require(ServerSight(octets(value)))
    #expect(sight.fails == [SeenFleet.address(1)])
    #expect(sight.unsure.isEmpty && sight.blind == [.ipv6])
  }

  @Test func `is taken in full from a fleet of the largest size`() throws {
    let addresses = (0..<2400).map { IPAddress(high: 0x2001_0db8_ffff_ffff, low: .max - $0) }
    let views = [IPAddress: LivingAddresses.View](
      uniqueKeysWithValues: addresses.map { ($0, .fails) })
    let sight = ServerSight(isOpen: true, views: views)
    #expect(ServerSight(sight.value)?.fails.count == 2400)
  }
}
