import EventLoop
import Logging
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Open pages")
struct PageFeedTests {
  private let directory: TemporaryDirectory
  private let address: SocketAddress
  private let clock = ManualClock()
  private let loop: EventLoop
  private let listener: AdminListener
  private let feed: PageFeed
  private let server = Status()

  /// What there is to tell.
  private final class Status {
    var requests = 0
    var text = "short"
    /// How often somebody asked.
    var looks = 0
    /// How long the answer takes to make.
    var cost = Duration.zero
  }

  init() throws {
    directory = try TemporaryDirectory()
    address = try #require(SocketAddress("unix:\(directory.path)/admin.sock"))
    loop = try EventLoop(clock: clock)
    feed = PageFeed(
      document: { [server, clock] in
        server.looks += 1
        clock.advance(by: server.cost)
        return ["text": .text(server.text), "looks": .number(server.looks)]
      },
      totals: { [server] in .init(answers: [0, 0, server.requests, 0, 0, 0]) })
    let desk = AdminDesk(
      report: { StatusReport(health: "ok", isServing: true, sections: []) },
      reload: { ReloadOutcome(at: 0, isRefused: false, report: "") },
      drain: { "draining" }, undrain: { false }, drainState: { "serving" },
      issuance: { nil }, order: { AdminAnswer.text(202, "\($0)\n") }, feed: feed)
    listener = AdminListener(
      address, loop: loop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      desk: desk)
    listener.open()
  }

  private func settle() throws {
    while try loop.turn(mayWait: false) {}
  }

  private func second() throws {
    clock.advance(by: .seconds(1))
    try settle()
    feed.everySecond { clock.now }
    try settle()
  }

  private func client(_ path: String) throws -> WireClient {
    let client = WireClient(try Socket.connect(address))
    client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try settle()
    return client
  }

  private static let event = "event: change\ndata: "

  @Test func `are told everything when they come, and then what has changed`() throws {
    try second()
    server.requests = 7
    try second()
    let page = try client("/events")
    let first = page.hear()
    #expect(first.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(
      first.hasSuffix(
        "\r\n\r\nretry: 2000\nevent: whole\n"
          + #"data: {"status":{"text":"short","looks":1},"traffic":[[1,0,0,0,null,null],[2,7,0,0,null,null]]}"#
          + "\n\n"))
    server.text = "other"
    try second()
    #expect(
      page.hear() == Self.event
        + #"{"changes":[[["text"],"other"],[["looks"],2]],"traffic":[[3,0,0,0,null,null]]}"#
        + "\n\n")
    try second()
    #expect(
      page.hear() == Self.event
        + #"{"changes":[[["looks"],3]],"traffic":[[4,0,0,0,null,null]]}"# + "\n\n")
    listener.close()
  }

  @Test func `cost nothing while there are none`() throws {
    for _ in 0..<5 { try second() }
    #expect(server.looks == 0)
    let page = try client("/events")
    try second()
    #expect(server.looks == 2 && !page.hear().isEmpty)
    page.close()
    try settle()
    for _ in 0..<5 { try second() }
    #expect(server.looks == 2)
    listener.close()
  }

  @Test func `share what is made`() throws {
    let pages = try (0..<3).map { _ in try client("/events") }
    _ = pages.map { $0.hear() }
    #expect(server.looks == 1)
    try second()
    let heard = pages.map { $0.hear() }
    #expect(server.looks == 2)
    #expect(Set(heard).count == 1 && heard[0].hasPrefix(Self.event))
    listener.close()
  }

  @Test func `stay longer than any other answer may take`() throws {
    let page = try client("/events")
    for _ in 0..<100 {
      try second()
      #expect(page.hear().contains(Self.event))
    }
    #expect(!page.isEnded)
    listener.close()
  }

  @Test func `leave places for others, and say so to one too many`() throws {
    let pages = try (0..<(PageFeed.readersMax + 3)).map { _ in try client("/events") }
    let heard = pages.map { $0.hear() }
    #expect(heard.count { $0.hasPrefix("HTTP/1.1 200 ") } == PageFeed.readersMax)
    #expect(heard.last?.hasPrefix("HTTP/1.1 503 ") == true)
    #expect(heard.last?.contains("pages are open at this server") == true)
    let asking = try client("/status")
    #expect(asking.hear().hasPrefix("HTTP/1.1 200 "))
    // Whoever goes makes room.
    pages[0].close()
    try settle()
    #expect(try client("/events").hear().hasPrefix("HTTP/1.1 200 "))
    listener.close()
  }

  @Test func `are cut when they take nothing`() throws {
    server.text = String(repeating: "x", count: 1 << 20)
    let (stuck, other) = (try client("/events"), try client("/events"))
    for _ in 0..<20 {
      try second()
      _ = other.hear()
    }
    _ = stuck.hear()
    #expect(stuck.isEnded && !other.isEnded)
    listener.close()
  }

  @Test func `are told everything anew when they are behind`() throws {
    server.text = String(repeating: "x", count: 1 << 20)
    let page = try client("/events")
    server.text = "missed"
    try second()
    // It has not taken the first event yet, and so it is not told of the change.
    var heard = ""
    while true {
      let more = page.hear()
      if more.isEmpty { break }
      heard += more
      try settle()
    }
    #expect(heard.hasSuffix("x\",\"looks\":1},\"traffic\":[]}\n\n"))
    server.text = "now"
    try second()
    #expect(page.hear().hasPrefix("event: whole\ndata: {\"status\":{\"text\":\"now\""))
    try second()
    #expect(page.hear().hasPrefix(Self.event))
    listener.close()
  }

  @Test func `take a small share of the time where much is to be told`() throws {
    server.cost = .milliseconds(500)
    let page = try client("/events")
    _ = page.hear()
    let looks = server.looks
    for _ in 0..<60 { try second() }
    #expect((5...7).contains(server.looks - looks), "every tenth second, of half a second each")
    #expect(page.hear().contains(Self.event))
    listener.close()
  }
}
