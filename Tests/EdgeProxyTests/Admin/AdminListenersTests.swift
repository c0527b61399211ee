import EventLoop
import Logging
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Several places for administrators")
struct AdminListenersTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let warnings = Warnings()
  private let listeners: AdminListeners

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    let desk = AdminDesk(
      report: { StatusReport(health: "ok", isServing: true, sections: []) },
      reload: { ReloadOutcome(at: 0, isRefused: false, report: "") },
      drain: { "draining" }, undrain: { false }, drainState: { "serving" },
      issuance: { nil }, order: { AdminAnswer.text(202, "\($0)\n") })
    listeners = AdminListeners(
      loop: loop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      warnings: warnings, desk: desk)
  }

  private func unix(_ name: String) throws -> SocketAddress {
    try #require(SocketAddress("unix:\(directory.path)/\(name).sock"))
  }

  private func settle() throws {
    while try loop.turn(mayWait: false) {}
  }

  private func ask(_ address: SocketAddress, _ line: String) throws -> String {
    let client = WireClient(try Socket.connect(address))
    client.send("\(line) HTTP/1.1\r\nHost: localhost\r\n\r\n")
    var heard = ""
    while !client.isEnded {
      try settle()
      heard += client.hear()
    }
    return heard
  }

  @Test func `answer all, and take commands on unix sockets alone`() throws {
    let (socket, port) = (try unix("a"), try FreePort.take())
    listeners.move(to: [socket, port])
    for address in [socket, port] {
      #expect(try ask(address, "GET /health").hasPrefix("HTTP/1.1 200 "))
    }
    #expect(try ask(socket, "POST /drain").hasPrefix("HTTP/1.1 202 "))
    #expect(try ask(port, "POST /drain").hasPrefix("HTTP/1.1 405 "))
    listeners.close()
    #expect(throws: SystemError.self) { _ = try Socket.connect(socket) }
    // Nobody listens there any more.
    #expect(throws: Never.self) { _ = try Socket.listen(port, reusePort: false) }
  }

  @Test func `come and go one by one, and what is being answered ends`() throws {
    let (first, second, third) = (try unix("a"), try unix("b"), try unix("c"))
    listeners.move(to: [first, second])
    let begun = WireClient(try Socket.connect(first))
    begun.send("GET /health HTTP/1.1\r\n")
    try settle()
    listeners.move(to: [second, third])
    #expect(throws: SystemError.self) { _ = try Socket.connect(first) }
    for address in [second, third] {
      #expect(try ask(address, "GET /health").hasPrefix("HTTP/1.1 200 "))
    }
    begun.send("Host: localhost\r\n\r\n")
    try settle()
    #expect(begun.hear().hasPrefix("HTTP/1.1 200 "))
    listeners.close()
  }

  @Test func `that cannot be opened are told each, and keep no other closed`() throws {
    let wrong = try #require(SocketAddress("unix:\(directory.path)/no/such/a.sock"))
    let good = try unix("b")
    listeners.move(to: [wrong, good])
    #expect(warnings.all.map(\.key) == ["listen admin \(wrong)"])
    #expect(try ask(good, "GET /health").hasPrefix("HTTP/1.1 200 "))
    listeners.move(to: [good])
    #expect(warnings.all.isEmpty)
    listeners.close()
  }
}
