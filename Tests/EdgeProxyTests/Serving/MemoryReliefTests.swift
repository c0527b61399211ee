import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// Memory is taken from those for whom most of it is kept.
@Suite("Memory that is kept for clients")
struct MemoryReliefTests {
  private let directory: TemporaryDirectory
  private let node: ScriptedNode

  init() throws {
    directory = try TemporaryDirectory()
    node = try ScriptedNode()
    try directory.write("large", String(repeating: "0123456789abcdef", count: 100_000))
  }

  private func makeServer(_ limits: String = "memory: 16MiB") throws -> InProcessServer {
    try InProcessServer(
      """
      upstreams: { app: { protocol: http, nodes: ["\(node.address)"] } }
      routes:
        - { host: a.test, upstream: app }
        - { host: a.test, path: /f/, files: { directory: \(directory.path), listing: true } }
      limits: { \(limits), connections_per_address: 100000 }
      """, spool: directory.path)
  }

  /// SETTINGS_INITIAL_WINDOW_SIZE 0: nothing may be sent on a stream.
  private let closedWindows =
    HTTP2Frames.preface + HTTP2Frames.frame(4, 0, 0, [0, 4] + HTTP2Frames.number(0))

  private func isServed(_ server: InProcessServer) throws -> Bool {
    let client = try server.connect()
    client.send("GET /f/large HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    let answer = client.read()
    client.close()
    try server.settle()
    return text(answer.span).hasPrefix("HTTP/1.1 200 ")
  }

  @Test func `streams that may send nothing hold no block of a file`() throws {
    let server = try makeServer()
    let client = try server.connect(.http2)
    client.send(closedWindows)
    for stream in 0..<100 {
      client.send(HTTP2Frames.request(UInt32(2 * stream + 1), "GET", "/f/large"))
    }
    try server.settle()
    // One block for each of them would be 6.4 MB.
    #expect(server.worker.buffers.bytesOut < 100 * 8 * 1024)
    #expect(try isServed(server))
    client.close()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `a stream gets its file once the window opens`() throws {
    let server = try makeServer()
    let client = try server.connect(.http2)
    client.send(closedWindows + HTTP2Frames.request(1, "GET", "/f/large"))
    try server.settle()
    _ = client.read()
    var body: [UInt8] = []
    for window in [1, 10, 5000, 70_000] as [UInt32] {
      client.send(HTTP2Frames.frame(8, 0, 1, HTTP2Frames.number(window)))
      client.send(HTTP2Frames.frame(8, 0, 0, HTTP2Frames.number(window)))
      try server.settle()
      let frames = try #require(HTTP2Frame.read(client.read())).filter { $0.type == 0 }
      let piece = frames.flatMap(\.payload)
      #expect(piece.count == Int(window))
      body += piece
    }
    let whole = Array(repeating: Array("0123456789abcdef".utf8), count: 5000).flatMap { $0 }
    #expect(body == Array(whole.prefix(body.count)))
  }

  @Test func `uploads that stand still go to files before anybody is refused`() throws {
    let server = try makeServer("memory: 16MiB, body_memory: 64KiB")
    let uploads = try (0..<400).map { _ in try server.connect() }
    for upload in uploads {
      upload.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n")
      upload.send([UInt8](repeating: 1, count: 60_000))
      try server.settle()
    }
    try server.advance(by: .milliseconds(50))
    #expect(server.worker.buffers.bytesOut <= 16 << 20)
    #expect(try isServed(server))
    for upload in uploads {
      #expect(text(upload.read().span) == "")
      #expect(!upload.isEnded)
    }
    for upload in uploads { upload.close() }
    try server.settle()
    #expect(server.remains == [])
    #expect(server.worker.buffers.fileBytesOut == 0)
  }

  @Test func `heads that are never finished take as little as they are long`() throws {
    let server = try makeServer()
    let slow = try (0..<400).map { _ in try server.connect() }
    for client in slow {
      client.send("GET / HTTP/1.1\r\nHost: a.te")
      try server.settle()
    }
    try server.advance(by: .milliseconds(50))
    #expect(server.worker.buffers.bytesOut <= 16 << 20)
    #expect(try isServed(server))
    // They go on where they were.
    for client in slow { client.send("st\r\nX: \(String(repeating: "x", count: 9000))\r\n") }
    try server.settle()
    #expect(slow.allSatisfy { !$0.isEnded })
    for client in slow { client.close() }
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `the client with most is cut, and others are not`() throws {
    let server = try makeServer()
    let modest = try server.connect()
    modest.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000\r\n\r\nbegin")
    try server.settle()
    // Heads cannot be moved to files.
    let field = "X: \(String(repeating: "x", count: 15_000))\r\n"
    let greedy = try (0..<1200).map { _ in try server.connect(from: IPAddress(ipv4: 0xcb00_7101)) }
    for client in greedy {
      client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\(field)\r\n")
      try server.settle()
    }
    try server.advance(by: .milliseconds(50))
    #expect(server.worker.buffers.bytesOut <= 16 << 20)
    #expect(greedy.contains { text($0.read().span).hasPrefix("HTTP/1.1 503 ") })
    #expect(modest.read() == [] && !modest.isEnded)
    #expect(try isServed(server))
    for client in greedy { client.close() }
    modest.close()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `temporary files have a sum, and the client with most of them gives back`() throws {
    let server = try makeServer("memory: 16MiB, temporary_files: 10MiB")
    let uploads = try (0..<12).map { _ in try server.connect(from: IPAddress(ipv4: 0xcb00_7101)) }
    let modest = try server.connect()
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3000000\r\n\r\n"
    modest.send(head)
    modest.send([UInt8](repeating: 2, count: 200_000))
    for upload in uploads {
      upload.send(head)
      for _ in 0..<10 {
        upload.send([UInt8](repeating: 1, count: 100_000))
        try server.settle()
        upload.push()
        try server.settle()
      }
    }
    try server.advance(by: .milliseconds(50))
    #expect(server.worker.buffers.fileBytesOut <= 10 << 20)
    #expect(uploads.contains { text($0.read().span).hasPrefix("HTTP/1.1 503 ") })
    #expect(modest.read() == [] && !modest.isEnded)
    for upload in uploads { upload.close() }
    modest.close()
    try server.settle()
    #expect(server.remains == [])
    #expect(server.worker.buffers.fileBytesOut == 0)
  }

  @Test func `a listing is made once for all who ask, and given back`() throws {
    for number in 0..<300 { try directory.write("name-\(number)", "") }
    let server = try makeServer()
    let client = try server.connect(.http2)
    client.send(closedWindows)
    for stream in 0..<100 { client.send(HTTP2Frames.request(UInt32(2 * stream + 1), "GET", "/f/")) }
    for _ in 0..<200 { try server.advance(by: .milliseconds(1)) }
    let frames = try #require(HTTP2Frame.read(client.read()))
    #expect(frames.filter { $0.type == 1 }.count == 100)
    client.close()
    try server.settle()
    #expect(server.worker.buffers.bytesOut < 64 * 1024)
  }
}
