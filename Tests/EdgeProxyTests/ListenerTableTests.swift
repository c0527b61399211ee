import EventLoop
import Glibc
import Logging
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("Addresses that are listened on")
struct ListenerTableTests {
  private let warnings = Warnings()
  private let loop: EventLoop
  private let workers: [WorkerHandle]
  private var table: ListenerTable

  init() throws {
    loop = try EventLoop()
    workers = [WorkerHandle(loop: loop.handle, counters: WorkerCounters())]
    let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    table = ListenerTable(workers: 1, logger: silent, warnings: warnings)
  }

  private static func loopback() throws -> SocketAddress {
    try #require(SocketAddress("127.0.0.1:0"))
  }

  /// An address of documentation, RFC 5737, which no interface has.
  private static func nowhere() throws -> SocketAddress {
    try #require(SocketAddress("203.0.113.1:443"))
  }

  @Test mutating func `an address that another process has leaves the others alone`() throws {
    let other = try Socket.listen(try Self.loopback(), reusePort: false)
    let taken = try #require(Socket.localAddress(other.raw))
    let free = try Self.loopback()
    let isOpen = table.open(.http, [taken, free], workers)
    #expect(isOpen)
    #expect(table.addresses(.http, [taken]).isEmpty)
    #expect(table.addresses(.http, [free]).count == 1)
    let warning = try #require(warnings.all.first)
    #expect(warning.key == "listen http \(taken)")
    #expect(warning.text.contains("\(taken)") && warning.text.contains("Address already in use"))
    #expect(warning.advice.contains("ss -ltnp"))
  }

  @Test mutating func `it is bound once the other lets go of it, and the warning ends`() throws {
    let other = try Socket.listen(try Self.loopback(), reusePort: false)
    let taken = try #require(Socket.localAddress(other.raw))
    var isOpen = table.open(.https, [taken], workers)
    #expect(!isOpen)
    let version = table.version
    isOpen = table.open(.https, [taken], workers)
    #expect(!isOpen && table.version == version)
    _ = consume other
    isOpen = table.open(.https, [taken], workers)
    #expect(isOpen)
    #expect(table.addresses(.https, [taken]) == [taken])
    #expect(warnings.all.isEmpty)
    #expect(table.version > version)
  }

  @Test mutating func `an address that no interface has is waited for`() throws {
    let nowhere = try Self.nowhere()
    table.open(.https, [nowhere], workers)
    let failure = try #require(table.failures(.https, [nowhere]).first)
    #expect(failure.error.code == EADDRNOTAVAIL && failure.isAbsence)
    #expect(failure.advice.contains("no interface"))
  }

  @Test mutating func `what is not wanted any more is no warning`() throws {
    let nowhere = try Self.nowhere()
    table.open(.https, [nowhere], workers)
    table.close(workers) { $0.kind == .https }
    #expect(warnings.all.isEmpty && table.failures(.https, [nowhere]).isEmpty)
  }
}

@Suite("Ports as the configuration wants them")
struct PortKeeperTests {
  private let warnings = Warnings()
  private let loop: EventLoop
  private let workers: [WorkerHandle]

  init() throws {
    loop = try EventLoop()
    workers = [WorkerHandle(loop: loop.handle, counters: WorkerCounters())]
  }

  private func keeper(https: [SocketAddress], http: [SocketAddress] = []) -> PortKeeper {
    PortKeeper(
      .fixture(https: https, http: http), workers: 1,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, warnings: warnings)
  }

  @Test func `a start at which nothing can be listened on names each address`() throws {
    let first = try #require(SocketAddress("203.0.113.1:443"))
    let second = try #require(SocketAddress("203.0.113.2:80"))
    var ports = keeper(https: [first], http: [second])
    ports.openAtStart(workers)
    ports.step(Ability(), workers: workers, now: loop.now)
    #expect(ports.failures.map(\.address) == [first, second])
    #expect(!ports.isOpen)
  }

  @Test func `one address that can be listened on is a start`() throws {
    let nowhere = try #require(SocketAddress("203.0.113.1:443"))
    let loopback = try #require(SocketAddress("127.0.0.1:0"))
    var ports = keeper(https: [nowhere, loopback])
    ports.openAtStart(workers)
    ports.step(Ability(), workers: workers, now: loop.now)
    #expect(ports.failures.isEmpty && ports.isOpen)
    #expect(ports.addresses.count == 1)
    #expect(ports.places.map(\.isOpen) == [false, true])
    let summary = ListenerSummary(ports.places, httpsClosed: nil)
    #expect(summary.open.count == 1 && summary.missing.count == 1)
    #expect(summary.summary.contains("serving on https 127.0.0.1:"))
    #expect(summary.summary.contains("not listening on https 203.0.113.1:443"))
  }

  @Test func `a reload to an address of another process changes nothing`() throws {
    let other = try Socket.listen(
      try #require(SocketAddress("127.0.0.1:0")), reusePort: false)
    let taken = try #require(Socket.localAddress(other.raw))
    let loopback = try #require(SocketAddress("127.0.0.1:0"))
    var ports = keeper(https: [loopback])
    ports.step(Ability(), workers: workers, now: loop.now)
    let before = ports.addresses
    #expect(throws: PortKeeper.Refusal.self) {
      _ = try ports.plan(.fixture(https: [taken]), workers: 1)
    }
    #expect(ports.addresses == before && warnings.all.isEmpty)
  }

  @Test func `https that comes with a reload is closed until there is a certificate`() throws {
    let loopback = try #require(SocketAddress("127.0.0.1:0"))
    var ports = keeper(https: [])
    ports.step(Ability(), workers: workers, now: loop.now)
    #expect(ports.isOpen && ports.addresses.isEmpty)
    ports.commit(try ports.plan(.fixture(https: [loopback]), workers: 1), workers: workers)
    ports.openAgain(workers)
    ports.step(Ability(hasCertificate: false), workers: workers, now: loop.now)
    #expect(!ports.isOpen && ports.places.map(\.isOpen) == [false])
    ports.step(Ability(), workers: workers, now: loop.now)
    #expect(ports.isOpen && ports.places.map(\.isOpen) == [true])
  }

  @Test func `a reload to an address that is yet to come is a warning`() throws {
    let loopback = try #require(SocketAddress("127.0.0.1:0"))
    let nowhere = try #require(SocketAddress("203.0.113.1:443"))
    var ports = keeper(https: [loopback])
    ports.step(Ability(), workers: workers, now: loop.now)
    let move = try ports.plan(.fixture(https: [loopback, nowhere]), workers: 1)
    ports.commit(move, workers: workers)
    #expect(ports.isOpen)
    #expect(warnings.all.map(\.key) == ["listen https 203.0.113.1:443"])
  }
}

extension ListenSettings {
  fileprivate static func fixture(
    https: [SocketAddress], http: [SocketAddress] = []
  ) -> ListenSettings {
    ListenSettings(
      https: https, http: http, closeWhenUnable: .never, closeAfter: .seconds(3),
      openAfter: .seconds(10))
  }
}
