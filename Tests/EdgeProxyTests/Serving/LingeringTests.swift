import EventLoop
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// What becomes of a connection whose answer is out while its client is still sending.
@Suite("The end of a connection whose client still sends")
struct LingeringTests {
  private let files: TemporaryDirectory
  private let server: InProcessServer

  private static let large = 2_000_000

  init() throws {
    files = try TemporaryDirectory()
    try files.write("large", [UInt8](repeating: 7, count: Self.large))
    server = try InProcessServer(
      """
      routes:
      - { host: a.test, respond: { status: 403, body: "no" } }
      - { host: files.test, files: "\(files.path)" }
      limits: { connections: 3, connections_per_address: 1 }
      """)
  }

  /// A client whose request was answered before it was whole.
  private func refused(sending count: Int = 5) throws -> WireClient {
    let client = try server.connect(room: 65_536)
    let body = [UInt8](repeating: 0x78, count: count)
    client.send(Array("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9999999\r\n\r\n".utf8))
    client.send(body)
    try server.settle()
    return client
  }

  /// Sends what has no room yet, as a client does that writes before it reads.
  private func push(_ client: WireClient) throws {
    var left = client.unsent.count + 1
    while client.unsent.count < left {
      left = client.unsent.count
      try server.settle()
      client.push()
    }
  }

  /// Whether the server still reads what a client sends.
  private func isHeard(_ client: WireClient) -> Bool {
    Descriptor.send(client.raw, [1].span) == .bytes(1)
  }

  @Test func `an upload that is refused is read as long as it comes, and its client is answered`()
    throws
  {
    let client = try refused(sending: 3_000_000)
    try push(client)
    #expect(client.unsent.count == 0)
    let answer = try #require(client.answer())
    #expect(answer.status == 403 && answer.body == "no" && answer["Connection"] == "close")
    #expect(client.isEnded && !client.isReset)
    client.close()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `it is read while a long answer goes out, too`() throws {
    let client = try server.connect(room: 65_536)
    client.send("GET /large HTTP/1.1\r\nHost: files.test\r\nContent-Length: 3000000\r\n\r\n")
    client.send([UInt8](repeating: 0x78, count: 3_000_000))
    try push(client)
    // Nothing of the answer, which has more than the socket's room, has been read yet.
    #expect(client.unsent.count == 0)
    var answer: [UInt8] = []
    while !client.isEnded {
      answer += client.read()
      try server.settle()
    }
    #expect(!client.isReset && answer.count > Self.large)
  }

  @Test func `a client that falls silent is left after 5 s`() throws {
    let client = try refused()
    for _ in 1...3 {
      try server.advance(by: .milliseconds(4900))
      client.send("more")
      try server.settle()
    }
    #expect(server.worker.counters.connections.now == 1)
    try server.advance(by: .milliseconds(5010))
    #expect(server.worker.counters.connections.now == 0 && server.remains == [])
  }

  @Test func `one that never stops is left after 30 s`() throws {
    let client = try refused()
    for _ in 1...29 {
      try server.advance(by: .seconds(1))
      client.send("more")
      try server.settle()
    }
    #expect(server.worker.counters.connections.now == 1)
    try server.advance(by: .milliseconds(1010))
    #expect(server.remains == [])
  }

  @Test func `one that has sent everything and does not close is left after 2 s`() throws {
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    try server.settle()
    #expect(client.answer()?.status == 403)
    try server.advance(by: .milliseconds(1990))
    #expect(server.worker.counters.connections.now == 1)
    try server.advance(by: .milliseconds(20))
    #expect(server.remains == [])
  }

  @Test func `it takes no place among the connections of its client`() throws {
    let first = try refused()
    let second = try refused()
    #expect(first.answer()?.status == 403 && second.answer()?.status == 403)
  }

  @Test func `where the worker has no room, the one that lingers longest gives its place`() throws {
    let clients = try (1...3).map { _ in try refused() }
    #expect(server.worker.makeRoom())
    try server.settle()
    #expect(clients.map(isHeard) == [false, true, true])
    // Those that are being served are never ended for others.
    for number in 1...3 { _ = try server.connect(from: IPAddress(ipv4: UInt32(number))) }
    #expect(!server.worker.makeRoom())
  }

  @Test func `those that leave by themselves make no difference to the order`() throws {
    let clients = try (1...200).map { _ in try refused() }
    for client in clients[0..<150] { client.close() }
    try server.settle()
    #expect(server.worker.counters.connections.now == 50)
    #expect(server.worker.makeRoom() && server.worker.counters.connections.now == 2)
    try server.settle()
    #expect(clients[150...].map(isHeard) == (150..<200).map { $0 >= 198 })
  }

  @Test func `a drain lets it come to its end, and cuts it at its own`() throws {
    let client = try refused()
    let drained = Flag()
    server.worker.drain { drained.raise() }
    try server.settle()
    #expect(!drained.isRaised)
    server.worker.cutAll()
    try server.settle()
    #expect(drained.isRaised && server.remains == [])
    _ = client
  }
}
