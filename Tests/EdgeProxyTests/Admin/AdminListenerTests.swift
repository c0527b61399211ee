import EventLoop
import Logging
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Clients of the administration that stand still")
struct AdminListenerTests {
  private let directory: TemporaryDirectory
  private let address: SocketAddress
  private let clock = ManualClock()
  private let loop: EventLoop
  private let listener: AdminListener
  private let work = Work()

  /// What waits for its answer.
  private final class Work { var waiting: [(AdminAnswer) -> Void] = [] }

  init() throws {
    directory = try TemporaryDirectory()
    address = try #require(SocketAddress("unix:\(directory.path)/admin.sock"))
    loop = try EventLoop(clock: clock)
    let desk = AdminDesk(
      report: { StatusReport(health: "ok", isServing: true, sections: []) },
      reload: { ReloadOutcome(at: 0, isRefused: false, report: "") },
      drain: { "draining" }, undrain: { false }, drainState: { "serving" },
      issuance: { nil }, order: { AdminAnswer.text(202, "\($0)\n") },
      changeNames: { [work] in work.waiting.append($1) },
      operate: { $2(.text(200, "ordered by \($1)\n")) })
    listener = AdminListener(
      address, loop: loop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      desk: desk)
    listener.open()
  }

  private func settle() throws {
    while try loop.turn(mayWait: false) {}
  }

  /// A client that has said so much.
  private func client(_ words: String = "") throws -> WireClient {
    let client = WireClient(try Socket.connect(address))
    client.send(words)
    try settle()
    return client
  }

  @Test func `keep nobody out, however many there are`() throws {
    let begun = "GET /status HTTP/1.1\r\nHost: x\r\n"
    let silent = try (0..<60).map { try client($0 % 2 == 0 ? "" : begun) }
    let asking = try client(begun + "\r\n")
    #expect(asking.hear().hasPrefix("HTTP/1.1 200 "))
    #expect(asking.isEnded)
    for each in silent { _ = each.read() }
    #expect(silent.filter { !$0.isEnded }.count < AdminListener.connectionsMax)
    listener.close()
  }

  @Test(arguments: ["", "GET /status HTTP/1.1\r\nHost: x\r\n"])
  func `are cut when their time is over`(words: String) throws {
    let client = try client(words)
    clock.advance(by: AdminListener.timeout - .milliseconds(10))
    try settle()
    #expect(client.hear().isEmpty && !client.isEnded)
    clock.advance(by: .milliseconds(20))
    try settle()
    _ = client.hear()
    #expect(client.isEnded)
    listener.close()
  }

  @Test func `are known by the user that the kernel names`() throws {
    let client = try client("POST /node/enable?address=a HTTP/1.1\r\nHost: x\r\n\r\n")
    let user = ProcessUser.name.prefix { $0 != " " }
    #expect(client.hear().hasSuffix("\r\n\r\nordered by \(user)\n"))
    listener.close()
  }

  private static let slow = "POST /dns/forget?node=a HTTP/1.1\r\nHost: x\r\n\r\n"

  @Test func `wait for work that an answer needs, and for no longer than it may take`() throws {
    let (first, second) = (try client(Self.slow), try client(Self.slow))
    #expect(work.waiting.count == 2)
    clock.advance(by: AdminListener.workTimeout - .milliseconds(10))
    try settle()
    #expect(!first.isEnded && !second.isEnded)
    work.waiting[0](.text(200, "forgotten\n"))
    try settle()
    #expect(first.hear().hasSuffix("\r\n\r\nforgotten\n"))
    clock.advance(by: .milliseconds(20))
    try settle()
    #expect(second.hear().isEmpty && second.isEnded)
    // The work comes to its end all the same.
    work.waiting[1](.text(200, "late\n"))
    try settle()
    listener.close()
  }

  @Test func `may go while work is done for them`() throws {
    for _ in 0..<(AdminListener.connectionsMax * 2) { _ = try client(Self.slow) }
    try settle()
    #expect(work.waiting.count == AdminListener.connectionsMax * 2)
    for each in work.waiting { each(.text(200, "forgotten\n")) }
    let asking = try client("GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(asking.hear().hasPrefix("HTTP/1.1 200 "))
    listener.close()
  }
}
