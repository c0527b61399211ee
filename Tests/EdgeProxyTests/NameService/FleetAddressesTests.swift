import Configuration
import Etcd
import EventLoop
import Glibc
import HTTPCore
import Logging
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// One server of a fleet: its https port on loopback, and what it knows of the others.
private final class TestedServer {
  let node: String
  let listener: PoweredListener
  let lines: LogLines
  let warnings = Warnings()
  private(set) var changes = 0
  private(set) var fleet: FleetAddresses?
  /// What the loop may still call.
  private var clients: [EtcdClient] = []
  private var gone: [FleetAddresses] = []
  private let state: TemporaryDirectory
  private let loop: EventLoop
  private let configured: [[IPAddress]]

  /// Without etcd the servers are `configured`, and all have the same port.
  init(
    _ node: String, _ listener: PoweredListener, etcd: Endpoint?, configured: [[IPAddress]] = [],
    on loop: EventLoop
  ) throws {
    self.node = node
    self.listener = listener
    self.loop = loop
    self.configured = configured
    lines = try LogLines()
    state = try TemporaryDirectory()
    begin(etcd)
  }

  func begin(_ etcd: Endpoint?, at address: IPAddress? = nil) {
    var store: FleetAddresses.Store?
    if let etcd {
      let client = EtcdClient(
        EtcdSettings(endpoints: [etcd], identity: ClientIdentity()), on: loop)
      clients.append(client)
      let writes = EtcdWrites(prefix: "/e/", warnings: warnings, logger: lines.logger)
      store = FleetAddresses.Store(
        client: client, prefix: "/e/", writes: writes, copy: FleetCopy(state: state.path))
    }
    fleet = FleetAddresses(
      returnAfter: .seconds(30), configured: configured,
      publicAddresses: [address ?? listener.address], node: node, httpsPort: listener.port,
      isOpen: true, store: store, on: loop, logger: lines.logger, warnings: warnings
    ) { [unowned self] in changes += 1 }
  }

  /// The process is gone without a word, and the machine may be.
  func die() {
    stop()
    for client in clients { client.close() }
  }

  private func stop() {
    fleet?.stop()
    if let fleet { gone.append(fleet) }
    fleet = nil
  }

  /// Another configuration: it has another address.
  func move(to address: IPAddress, _ etcd: Endpoint) {
    let previous = fleet
    stop()
    begin(etcd, at: address)
    previous?.end()
  }

  var answered: Set<IPAddress> { Set(fleet?.living ?? []) }
}

/// Several servers in one loop, and time as it passes.
private final class TestedFleet {
  let loop: EventLoop
  private(set) var servers: [TestedServer] = []
  private var second: Alarm?

  init(_ loop: EventLoop) {
    self.loop = loop
    second = Alarm(on: loop) { [unowned self] in
      for server in servers { server.fleet?.everySecond() }
      second?.set(after: .seconds(1))
    }
    second?.set(after: .seconds(1))
  }

  func add(_ server: TestedServer) { servers.append(server) }

  /// Turns until something is so, and returns how long that took.
  @discardableResult
  func turn(
    _ patience: Duration = .seconds(20), until isSo: () -> Bool,
    _ location: SourceLocation = #_sourceLocation
  ) throws -> Duration {
    let begun = loop.clockNow
    while !isSo(), loop.clockNow < begun + patience { try loop.turn(mayWait: true) }
    #expect(isSo(), sourceLocation: location)
    return loop.clockNow - begun
  }

  /// Turns for a while in which something has to stay so.
  func stays(
    _ time: Duration, _ isSo: () -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let end = loop.clockNow + time
    while loop.clockNow < end {
      try loop.turn(mayWait: true)
      guard isSo() else { break }
    }
    #expect(isSo(), sourceLocation: location)
  }

  /// Whether all servers that are there answer with the addresses of these, and with no others.
  func all(answer listeners: [PoweredListener]) -> Bool {
    let expected = Set(listeners.map(\.address))
    return servers.allSatisfy { $0.fleet == nil || $0.answered == expected }
  }

  func end() {
    second?.cancel()
    for server in servers { server.die() }
  }
}

@Suite(
  "A fleet that tells by etcd who lives",
  .enabled(if: unsafe access(RealEtcd.program, X_OK) == 0, "the package etcd-server has etcd"))
struct FleetAddressesTests {
  private let loop: EventLoop
  private let etcd: RealEtcd
  private let fleet: TestedFleet

  init() throws {
    loop = try EventLoop()
    etcd = try RealEtcd(on: loop)
    fleet = TestedFleet(loop)
  }

  private func end() {
    fleet.end()
    etcd.end()
  }

  /// Servers `a`, `b` … that begin at the same time.
  private func begin(_ count: Int) throws -> [PoweredListener] {
    let listeners = try (1...count).map { try PoweredListener($0) }
    for (index, listener) in listeners.enumerated() {
      let node = SeenFleet.name(index + 1)
      fleet.add(try TestedServer(node, listener, etcd: etcd.endpoint, on: loop))
    }
    try fleet.turn {
      fleet.servers.allSatisfy { server in
        server.fleet?.servers.count == count && sees(server, connected: count - 1)
      } && fleet.all(answer: listeners)
    }
    return listeners
  }

  private func sees(_ server: TestedServer, connected count: Int) -> Bool {
    let own = server.node
    return server.fleet?.report.count { $0.connects.contains(own) } == count
  }

  @Test func `servers that begin together get one number each, and all know the same`() throws {
    defer { end() }
    _ = try begin(5)
    let known = fleet.servers.map { $0.fleet?.servers ?? [] }
    #expect(known[0].map(\.number) == [1, 2, 3, 4, 5])
    #expect(Set(known[0].map(\.node)) == ["a", "b", "c", "d", "e"])
    #expect(known.allSatisfy { $0 == known[0] })
    #expect(fleet.servers.allSatisfy { $0.fleet?.isKnown == true && $0.changes > 0 })
  }

  @Test func `of five servers one that loses power is gone everywhere within three seconds`() throws
  {
    defer { end() }
    let listeners = try begin(5)
    try listeners[3].losePower()
    fleet.servers[3].die()
    let living = [0, 1, 2, 4].map { listeners[$0] }
    let took = try fleet.turn { fleet.all(answer: living) }
    #expect(took < .seconds(3))
    #expect(took > .seconds(1))
    let line = fleet.servers[0].lines.all.first { $0.contains("address left out of answers") }
    #expect(line?.contains("127.66.0.4") == true)
    // It is left out when enough of the others have said so. The last of them may say so later.
    func report() -> AddressReport? {
      fleet.servers[0].fleet?.report.first { $0.address == listeners[3].address }
    }
    try fleet.turn { report()?.fails == ["a", "b", "c", "e"] }
    #expect(report()?.isAnswered == false)
    #expect(report()?.servers == ["d"] && report()?.state.word == .away)
  }

  @Test
  func `an etcd that is away removes nobody, and a server that dies then is gone all the same`()
    throws
  {
    defer { end() }
    let listeners = try begin(5)
    etcd.end()
    try fleet.stays(.seconds(3)) { fleet.all(answer: listeners) }
    #expect(fleet.servers[0].fleet?.trouble != nil)
    try listeners[1].losePower()
    fleet.servers[1].die()
    let living = [0, 2, 3, 4].map { listeners[$0] }
    let took = try fleet.turn { fleet.all(answer: living) }
    #expect(took < .seconds(3))
  }

  @Test func `a port that closes and opens is told at once, and believed after a while`() throws {
    defer { end() }
    let listeners = try begin(4)
    fleet.servers[2].fleet?.tell(isOpen: false)
    let living = [0, 1, 3].map { listeners[$0] }
    let took = try fleet.turn { fleet.all(answer: living) }
    #expect(took < .seconds(1))
    fleet.servers[2].fleet?.tell(isOpen: true)
    try fleet.turn {
      fleet.servers.allSatisfy { server in
        server.fleet?.report.first { $0.address == listeners[2].address }?.state.word == .returning
      }
    }
    #expect(fleet.all(answer: living))
  }

  @Test func `the word of a stranger takes nothing out of answers`() throws {
    defer { end() }
    let listeners = try begin(3)
    let key = "/e/dns/sight/x"
    let client = EtcdClient(
      EtcdSettings(endpoints: [etcd.endpoint], identity: ClientIdentity()), on: loop)
    defer { client.close() }
    var isWritten = false
    client.put(PutRequest(key: octets(key), value: octets("1 port=open fails=127.66.0.2"))) { _ in
      isWritten = true
    }
    try fleet.turn { isWritten }
    try fleet.stays(.seconds(1)) { fleet.all(answer: listeners) }
  }

  @Test func `a server that was stopped is forgotten when it is told to be, and no sooner`() throws
  {
    defer { end() }
    let listeners = try begin(3)
    // It has told etcd what it sees, so it is there.
    try fleet.turn {
      fleet.servers[0].fleet?.report.contains { $0.connects.contains("b") } == true
    }
    var outcomes: [ForgetFailure?] = []
    fleet.servers[0].fleet?.forget("b") { outcomes.append($0) }
    fleet.servers[0].fleet?.forget("nobody") { outcomes.append($0) }
    #expect(outcomes.isEmpty)
    try fleet.turn { outcomes.count == 2 }
    #expect(outcomes == [.isThere("b"), .unknown("nobody")])
    let gone = fleet.servers[1]
    let number = gone.fleet?.servers.first { $0.node == "b" }?.number
    gone.fleet?.stop()
    gone.fleet?.end()
    try fleet.turn { gone.fleet?.isOver == true }
    gone.die()
    try fleet.turn { fleet.servers[0].fleet?.report.allSatisfy { $0.connects != ["b"] } == true }
    outcomes = []
    try fleet.turn {
      if outcomes.last != .some(nil) {
        fleet.servers[0].fleet?.forget("b") { outcomes.append($0) }
      }
      return fleet.servers[0].fleet?.servers.count == 2
    }
    try fleet.turn { fleet.all(answer: [listeners[0], listeners[2]]) }
    // Another server has its number.
    let next = try TestedServer("next", try PoweredListener(9), etcd: etcd.endpoint, on: loop)
    fleet.add(next)
    try fleet.turn { next.fleet?.servers.count == 3 }
    #expect(next.fleet?.servers.first { $0.node == "next" }?.number == number)
  }

  @Test func `a server with another address is answered at that, and keeps its number`() throws {
    defer { end() }
    let listeners = try begin(4)
    let numbers = fleet.servers[0].fleet?.servers.map { "\($0.node) \($0.number)" }
    let moved = try PoweredListener(77, at: listeners[3].port)
    fleet.servers[3].move(to: moved.address, etcd.endpoint)
    try fleet.turn { fleet.all(answer: Array(listeners.prefix(3)) + [moved]) }
    let known = fleet.servers[0].fleet?.servers ?? []
    #expect(known.map { "\($0.node) \($0.number)" } == numbers)
    #expect(known.first { $0.node == "d" }?.addresses == [moved.address])
  }

  @Test func `a server that begins again without etcd knows the others`() throws {
    defer { end() }
    let listeners = try begin(3)
    etcd.end()
    let server = fleet.servers[0]
    server.die()
    server.begin(etcd.endpoint)
    #expect(server.fleet?.isKnown == true)
    #expect(server.answered == Set(listeners.map(\.address)))
    #expect(server.fleet?.servers.map(\.number) == [1, 2, 3])
    try fleet.stays(.seconds(2)) { fleet.all(answer: listeners) }
    // One that never heard of a fleet does not take itself for one.
    let stranger = try TestedServer("x", try PoweredListener(9), etcd: etcd.endpoint, on: loop)
    fleet.add(stranger)
    #expect(stranger.fleet?.isKnown == false)
  }

  @Test func `a store that has lost everything removes nobody`() throws {
    defer { end() }
    let listeners = try begin(3)
    let client = EtcdClient(
      EtcdSettings(endpoints: [etcd.endpoint], identity: ClientIdentity()), on: loop)
    defer { client.close() }
    let numbers = fleet.servers[0].fleet?.servers
    // A server whose watch begins anew lists a store that is empty.
    let late = fleet.servers[2]
    late.die()
    var isEmpty = false
    client.deleteRange(DeleteRangeRequest(.prefix(octets("/e/dns/servers/")))) { _ in isEmpty = true
    }
    try fleet.turn { isEmpty }
    late.begin(etcd.endpoint)
    try fleet.stays(.seconds(1)) { late.answered == Set(listeners.map(\.address)) }
    // And all are in it again.
    try fleet.turn { fleet.servers.allSatisfy { $0.fleet?.servers == numbers } }
  }

  @Test func `another server with an address of this one is worth a warning`() throws {
    defer { end() }
    let listeners = try begin(2)
    let twin = try TestedServer("twin", listeners[1], etcd: etcd.endpoint, on: loop)
    fleet.add(twin)
    try fleet.turn { fleet.servers[1].warnings.all.contains { $0.key == "public address" } }
    let warning = fleet.servers[1].warnings.all.first { $0.key == "public address" }
    #expect(warning?.advice.contains("edgeproxy dns forget twin") == true)
    #expect(fleet.servers[0].answered == Set(listeners.map(\.address)))
  }
}

@Suite("A fleet without etcd")
struct ConfiguredFleetTests {
  @Test
  func
    `of three servers one that loses power is gone within three seconds, and forget says why not`()
    throws
  {
    let loop = try EventLoop()
    let fleet = TestedFleet(loop)
    defer { fleet.end() }
    let first = try PoweredListener(1)
    let listeners = [first] + (try (2...3).map { try PoweredListener($0, at: first.port) })
    let lists = listeners.map { [$0.address] }
    for (index, listener) in listeners.enumerated() {
      let node = SeenFleet.name(index + 1)
      fleet.add(try TestedServer(node, listener, etcd: nil, configured: lists, on: loop))
    }
    #expect(fleet.all(answer: listeners))
    #expect(fleet.servers[1].fleet?.servers.map(\.node) == ["127.66.0.1", "b", "127.66.0.3"])
    try fleet.stays(.seconds(1)) { fleet.all(answer: listeners) }
    try listeners[2].losePower()
    fleet.servers[2].die()
    let took = try fleet.turn { fleet.all(answer: Array(listeners.prefix(2))) }
    #expect(took < .seconds(3))
    var failures: [ForgetFailure?] = []
    fleet.servers[0].fleet?.forget("c") { failures.append($0) }
    try fleet.turn { failures == [.noEtcd] }
    #expect(fleet.servers[0].fleet?.trouble == nil)
  }

  @Test func `a single server answers with itself, whatever its port does`() throws {
    let loop = try EventLoop()
    let fleet = TestedFleet(loop)
    defer { fleet.end() }
    let listener = try PoweredListener(1)
    let server = try TestedServer("a", listener, etcd: nil, on: loop)
    fleet.add(server)
    #expect(server.answered == [listener.address])
    server.fleet?.tell(isOpen: false)
    try fleet.stays(.seconds(1)) { server.answered == [listener.address] }
    #expect(server.warnings.all.isEmpty)
    #expect(server.fleet?.servers.map(\.number) == [1])
  }
}

@Suite("What is told of the fleet's addresses")
struct NamesSectionTests {
  @Test func `has each address with its state, and who says so`() {
    let report = AddressReport(
      address: SeenFleet.address(1), servers: ["a"], state: .living, since: 0, isAnswered: true,
      witnesses: (["b"], []))
    let away = AddressReport(
      address: SeenFleet.address(2), servers: ["b"], state: .away(since: Instant(nanoseconds: 0)),
      since: 60, isAnswered: false, witnesses: ([], (1...40).map { "n\($0)" }))
    let section = NamesSection(
      servers: [KnownServer(node: "a", number: 1, addresses: [SeenFleet.address(1)], port: 443)],
      addresses: [report, away], isKnown: true, trouble: "etcd does not tell", changes: (2, 1)
    ).section
    let text = String(decoding: StatusText.render(section.text), as: UTF8.self)
    #expect(text.contains("1 of 2 answered; 192.0.2.2 away") && text.contains("etcd does not tell"))
    let json = String(decoding: section.value.json(), as: UTF8.self)
    #expect(json.contains(#""address":"192.0.2.1","servers":["a"],"state":"living""#))
    #expect(json.contains(#""state":"away","since":"1970-01-01T00:01:00Z","answered":false"#))
    #expect(json.contains(#""fails":40,"#) && json.contains(#""n16"]"#))
    let states = section.metrics.first { $0.name == "fleet_addresses" }
    #expect(states?.samples.map(\.value) == [1, 0, 1])
  }
}
