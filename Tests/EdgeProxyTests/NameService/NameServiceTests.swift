import Configuration
import DNS
import DNSCore
import EventLoop
import Glibc
import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("The name service")
struct NameServiceTests {
  private let loop: EventLoop
  private let warnings = Warnings()
  private let log = KeptLog()
  private let name: DNSName

  init() throws {
    loop = try EventLoop()
    name = try #require(DNSName("all.fleet.example.org"))
  }

  private func settings(
    _ listen: [SocketAddress], answersPerSecond: Int? = nil
  ) throws -> NameServiceSettings {
    NameServiceSettings(
      zone: try #require(DNSName("fleet.example.org")), listen: listen, seconds: 10,
      returnAfter: .seconds(30), servers: [], answersPerSecond: answersPerSecond, names: [])
  }

  /// Turns until something is so; other threads have their part in it.
  private func settle(
    until isSo: () throws -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let clock = SystemClock()
    let patience = clock.now + .seconds(20)
    while clock.now < patience {
      try loop.turn(mayWait: false)
      if try isSo() { return }
      sched_yield()
    }
    Issue.record("it never came to that", sourceLocation: location)
    throw NeverSettled()
  }

  /// A service that answers with the content of the fixture.
  private func service(
    _ listen: [SocketAddress], answersPerSecond: Int? = nil
  ) throws -> NameService {
    let service = NameService(
      try settings(listen, answersPerSecond: answersPerSecond), on: loop, logger: log.logger,
      warnings: warnings)
    try install(try .fixture(), service)
    return service
  }

  private func install(_ content: ZoneContent, _ service: NameService) throws {
    var isDone = false
    service.install(content) { isDone = true }
    #expect(!isDone)
    try settle(until: { isDone })
  }

  private func open(_ service: NameService) -> [SocketAddress] {
    service.places.filter(\.isOpen).map(\.address)
  }

  /// The addresses that the answer of a server has, or what went wrong.
  private func ask(_ server: SocketAddress) throws -> [String] {
    var outcome: DNSQuery.Outcome?
    let query = DNSQuery(name, .ipv4, at: [server], recursive: false, on: loop) { outcome = $0 }
    try settle(until: { outcome != nil })
    return try withExtendedLifetime(query) {
      switch try #require(outcome) {
      case .failure(let error): ["\(error)"]
      case .success(let answer):
        answer.answers.compactMap {
          guard case .ipv4(let number) = $0.data else { return nil }
          return "\(number)"
        }.sorted()
      }
    }
  }

  @Test func `what is installed is in the very next answer once that is said`() throws {
    let service = try service([try Loopback.any()])
    let server = try #require(open(service).first)
    #expect(try ask(server).count == 3)
    for count in [1, 2, 3, 1] {
      let living = (1...count).map { "203.0.113.\($0)" }
      try install(try .fixture(living: living, serial: UInt32(count)), service)
      #expect(try ask(server).count == count)
    }
    service.close()
  }

  @Test func `the same content is there at once, and that is said too`() throws {
    let service = try service([try Loopback.any()])
    for _ in 0..<2 { try install(try .fixture(), service) }
    // Several wait for one content, and for the one before.
    var done: [Int] = []
    let next = try ZoneContent.fixture(living: ["203.0.113.9"])
    for number in 1...3 {
      service.install(number == 1 ? try .fixture() : next) { done.append(number) }
    }
    try settle(until: { done.count == 3 })
    #expect(done.sorted() == [1, 2, 3])
    service.close()
  }

  @Test func `those that wait for content wait no longer once it is closed`() throws {
    let service = NameService(
      try settings([try Loopback.any()]), on: loop, logger: log.logger, warnings: warnings)
    var done: [Int] = []
    service.install(try .fixture()) { done.append(1) }
    service.close()
    service.install(try .fixture(living: ["203.0.113.9"])) { done.append(2) }
    #expect(done.isEmpty)
    try settle(until: { done == [1, 2] })
  }

  @Test func `nothing is bound before there is something to answer`() throws {
    let address = try Loopback.any()
    let service = NameService(
      try settings([address]), on: loop, logger: log.logger, warnings: warnings)
    service.everySecond()
    #expect(service.places.map(\.isOpen) == [false, false])
    #expect(service.places.allSatisfy { $0.failure == nil } && warnings.all.isEmpty)
    service.close()
  }

  @Test func `an address that another process has leaves the others alone, and is waited for`()
    throws
  {
    let other = try Datagram.bind(try Loopback.any(), bufferBytes: 4096)
    let taken = try #require(Socket.localAddress(other.raw))
    let service = try service([taken, try Loopback.any()])
    #expect(service.places.map(\.isOpen) == [false, true, true, true])
    #expect(try ask(try #require(service.places.last).address).count == 3)
    let warning = try #require(warnings.all.first)
    #expect(warnings.all.count == 1 && warning.key == "listen dns udp \(taken)")
    #expect(warning.text.contains("Address already in use"))
    for word in ["ss -lnpu sport = :\(taken.port ?? 0)", "systemd-resolved", "dnsmasq"] {
      #expect(warning.advice.contains(word))
    }
    for _ in 0..<3 { service.everySecond() }
    #expect(log.take().filter { $0.level == .error }.count == 1)
    _ = consume other
    service.everySecond()
    #expect(service.places.map(\.isOpen) == [true, true, true, true] && warnings.all.isEmpty)
    #expect(try ask(taken).count == 3)
    service.close()
  }

  @Test func `an address that no interface has is a warning that says what to list`() throws {
    // Of documentation, RFC 5737.
    let nowhere = try #require(SocketAddress("203.0.113.1:53"))
    let service = try service([nowhere])
    #expect(service.places.allSatisfy { $0.failure?.error.code == EADDRNOTAVAIL })
    #expect(warnings.all.count == 2)
    #expect(warnings.all.allSatisfy { $0.advice.contains("'dns.listen'") })
    service.reconfigure(try settings([try Loopback.any()]))
    #expect(warnings.all.isEmpty && open(service).count == 2)
    service.close()
  }

  @Test func `a reload moves it, also to all addresses of the machine`() throws {
    let service = try service([try Loopback.any()])
    let old = try #require(open(service).first)
    let all = try #require(SocketAddress(ip: "0.0.0.0", port: old.port ?? 0))
    service.reconfigure(try settings([all]))
    try settle(until: { open(service) == [all, all] })
    #expect(warnings.all.isEmpty && log.take().allSatisfy { $0.level <= .notice })
    #expect(try ask(old).count == 3)
    let elsewhere = try Loopback.any()
    service.reconfigure(try settings([elsewhere]))
    try settle(until: { open(service).count == 2 && open(service) != [all, all] })
    #expect(try ask(try #require(open(service).first)).count == 3)
    // The kernel has the old port back.
    _ = try Datagram.bind(all, bufferBytes: 4096)
    _ = try Socket.listen(all, reusePort: false)
    service.close()
  }

  @Test func `a reload that closes one address does not interrupt another`() throws {
    let service = try service([try Loopback.any(), try Loopback.any()])
    let listen = service.places.map(\.address)
    let asked = try settings([listen[0]])
    service.reconfigure(try settings([listen[0], listen[2]]))
    try settle(until: { open(service).count == 4 })
    let client = try Loopback.connect(to: listen[0], from: "127.0.0.1")
    client.send(try Question.framed(id: 1))
    service.reconfigure(asked)
    try settle(until: { open(service).count == 2 })
    var (bytes, answers): ([UInt8], [DNSMessage]) = ([], [])
    try settle(until: {
      bytes += client.read()
      answers += try Question.messages(&bytes)
      return !answers.isEmpty
    })
    #expect(try ask(listen[0]).count == 3)
    service.close()
  }

  @Test func `a reload sets another limit`() throws {
    let service = try service([try Loopback.any()], answersPerSecond: 1)
    let server = try #require(open(service).first)
    func limited() -> Int {
      service.section.metrics.first { $0.name == "dns_answers_limited_total" }?
        .samples.reduce(0) { $0 + $1.value } ?? 0
    }
    func flood() throws {
      let client = try Datagram.bind(try #require(SocketAddress("127.0.0.1:0")), bufferBytes: 4096)
      for _ in 0..<20 {
        Datagram.send(try Question.bytes(), to: server, through: client.raw)
      }
    }
    try flood()
    try settle(until: { limited() >= 15 })
    service.reconfigure(try settings([server]))
    try settle(until: { open(service).count == 2 })
    let before = limited()
    try flood()
    for _ in 0..<5 { #expect(try ask(server).count == 3) }
    #expect(limited() == before)
    service.close()
  }

  @Test func `its end gives the addresses back`() throws {
    let service = try service([try Loopback.any()])
    let server = try #require(open(service).first)
    service.close()
    _ = try Datagram.bind(server, bufferBytes: 4096)
    _ = try Socket.listen(server, reusePort: false)
    service.everySecond()
    while try loop.turn(mayWait: false) {}
    #expect(open(service).isEmpty && warnings.all.isEmpty)
  }

  @Test func `says where it answers and what it has answered`() throws {
    let nowhere = try #require(SocketAddress("203.0.113.1:53"))
    let service = try service([try Loopback.any(), nowhere])
    let server = try #require(open(service).first)
    #expect(try ask(server).count == 3)
    let section = service.section
    let text = String(decoding: StatusText.render(section.text), as: UTF8.self)
    #expect(text.contains("answers for fleet.example.org on \(server)/udp, \(server)/tcp"))
    #expect(text.contains("not on 203.0.113.1:53/udp, 203.0.113.1:53/tcp"))
    #expect(text.contains("1 over udp, 0 over tcp, 0 limited, 0 ignored"))
    let up = try #require(section.metrics.first { $0.name == "dns_listener_up" })
    #expect(up.samples.map(\.value) == [1, 1, 0, 0])
    let answers = try #require(section.metrics.first { $0.name == "dns_answers_total" })
    let counted = answers.samples.filter { $0.value > 0 }
    #expect(counted.map { $0.labels.map(\.value) } == [["udp", "NOERROR"]])
    let json = String(decoding: section.value.json(), as: UTF8.self)
    #expect(json.contains(#""zone":"fleet.example.org","serial":1"#))
    #expect(json.contains(#""udp":{"NOERROR":1"#) && json.contains(#""addresses":1"#))
    #expect(json.contains("Cannot assign requested address"))
    service.close()
  }
}
