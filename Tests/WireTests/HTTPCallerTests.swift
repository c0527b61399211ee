import EventLoop
import Glibc
import TLS
import TestSupport
import Testing

@testable import Wire

@Suite("Requests of ours to other servers")
final class HTTPCallerTests {
  private typealias Result = Swift.Result<HTTPResponse, HTTPCallError>

  private let clock = ManualClock()
  private let loop: EventLoop
  private let trust = WireTrust()
  private let directory: TemporaryDirectory
  private let caller: HTTPCaller
  private var results: [Result] = []

  private static let ok = octets("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

  init() throws {
    loop = try EventLoop(clock: clock)
    directory = try TemporaryDirectory()
    try directory.write("ca.pem", trust.pem)
    caller = HTTPCaller(
      ClientIdentity(authorityFile: directory.path + "/ca.pem"), on: loop, userAgent: "tests/1",
      bodyMax: 1000)
  }

  /// `https://a.test/x` where `context` is there, else `http://…`.
  private func ask(
    _ addresses: [SocketAddress], secure: Bool = false, host: String = "a.test",
    within: Duration = .seconds(10)
  ) throws {
    let url = try #require(HTTPURL("\(secure ? "https" : "http")://\(host)/x"))
    caller.call(HTTPRequest(method: .get, url: url), at: addresses, within: within) {
      [unowned self] in
      results.append($0)
    }
  }

  /// Asks by name or number, so that the address is looked up.
  private func ask(_ text: String, within: Duration = .seconds(10)) throws {
    let url = try #require(HTTPURL(text))
    caller.call(HTTPRequest(method: .get, url: url), within: within) { [unowned self] in
      results.append($0)
    }
  }

  private func work(
    _ servers: [WireServer] = [], until condition: () -> Bool,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    for _ in 0..<100_000 {
      if condition() { return }
      if try !loop.turn(mayWait: false) { sched_yield() }
      for server in servers { try server.turn() }
    }
    Issue.record("it does not come to that", sourceLocation: location)
  }

  /// Waits for the request and says the answer.
  private func serve(
    _ server: WireServer, _ answer: [UInt8] = HTTPCallerTests.ok,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    try work([server], until: { heard(server).contains("\r\n\r\n") }, location)
    #expect(try server.say(answer) == answer.count, sourceLocation: location)
  }

  /// What a server has heard, as text.
  private func heard(_ server: WireServer) -> String {
    let bytes = server.heard
    return text(bytes.span)
  }

  private var status: Int? { try? results.first?.get().status }

  private var error: HTTPCallError? {
    guard case .failure(let error) = results.first else { return nil }
    return error
  }

  // MARK: Answers

  @Test func `are sent as HTTP has them, and their answer comes back`() throws {
    let server = try WireServer()
    let port = try #require(server.address.port)
    let url = try #require(HTTPURL("http://127.0.0.1:\(port)/a?b"))
    let request = HTTPRequest(
      method: .post, url: url, fields: [("Content-Type", "application/jose+json")],
      body: octets("{}"))
    caller.call(request, within: .seconds(10)) { [unowned self] in results.append($0) }
    #expect(results.isEmpty)
    try work([server]) { heard(server).hasSuffix("{}") }
    #expect(
      heard(server)
        == "POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nUser-Agent: tests/1\r\n"
        + "Connection: close\r\nContent-Type: application/jose+json\r\nContent-Length: 2\r\n\r\n{}")
    #expect(try server.say(Self.ok) == Self.ok.count)
    try work([server]) { !results.isEmpty }
    let response = try #require(try results.first?.get())
    #expect(response.status == 200 && response.body == octets("hi"))
    // The server keeps the connection open, and it is not waited for.
    try work([server]) { server.isLeft }
    #expect(results.count == 1)
  }

  @Test func `reach a server by its name, and by a literal of IPv6`() throws {
    for host in ["127.0.0.1", "::1"] {
      results = []
      let server = try WireServer(at: host)
      let name = host == "::1" ? "[::1]" : "localhost"
      try ask("http://\(name):\(try #require(server.address.port))/")
      try serve(server)
      try work([server]) { !results.isEmpty }
      #expect(status == 200)
      #expect(heard(server).contains("\r\nHost: \(name):"))
    }
  }

  @Test func `reach a server over TLS that is named by its certificate`() throws {
    let (context, _) = try trust.server("a.test", offersHTTP2: false)
    let server = try WireServer(context)
    try ask([server.address], secure: true)
    try serve(server)
    try work([server]) { !results.isEmpty }
    #expect(status == 200)
    #expect(heard(server).contains("\r\nHost: a.test\r\n"))
  }

  @Test func `are not read by a server with a certificate for another name`() throws {
    let (context, _) = try trust.server("b.test")
    let server = try WireServer(context)
    try ask([server.address], secure: true)
    try work([server]) { !results.isEmpty }
    #expect("\(try #require(error))".contains("hostname mismatch"))
    #expect(server.heard.isEmpty)
  }

  @Test func `are not read by a server that another authority vouches for, until that is believed`()
    throws
  {
    let (context, _) = try trust.server("a.test")
    try directory.write("ca.pem", TestAuthority().pem)
    let first = try WireServer(context)
    try ask([first.address], secure: true)
    try work([first]) { !results.isEmpty }
    #expect("\(try #require(error))".contains("the server's certificate is not accepted"))
    #expect(first.heard.isEmpty)
    // The file is read for each request.
    results = []
    try directory.write("ca.pem", trust.pem)
    let second = try WireServer(context)
    try ask([second.address], secure: true)
    try serve(second)
    try work([second]) { !results.isEmpty }
    #expect(status == 200)
  }

  @Test func `say which file is amiss`() throws {
    try directory.write("ca.pem", "no certificate")
    let server = try WireServer()
    try ask([server.address], secure: true)
    #expect(results.isEmpty)
    try work { !results.isEmpty }
    #expect("\(try #require(error))".contains("ca.pem' has no usable certificate"))
  }

  // MARK: Several addresses

  private static let nobody = SocketAddress(ip: "127.77.0.3", port: 1)
  private static let nobodyElse = SocketAddress(ip: "127.77.0.4", port: 1)

  @Test func `go to the next address where one refuses`() throws {
    let server = try WireServer()
    try ask([try #require(Self.nobody), server.address])
    try serve(server)
    try work([server]) { !results.isEmpty }
    #expect(status == 200)
  }

  @Test func `say of each address why it did not do`() throws {
    try ask([try #require(Self.nobody), try #require(Self.nobodyElse)])
    #expect(results.isEmpty)
    try work { !results.isEmpty }
    let text = "\(try #require(error))"
    #expect(text.contains("127.77.0.3:1: connect") && text.contains("; 127.77.0.4:1: connect"))
  }

  @Test func `go to the next address where one does not come to speak in its share of the time`()
    throws
  {
    let (context, _) = try trust.server("a.test")
    let silent = try WireServer()
    let server = try WireServer(context)
    try ask([silent.address, server.address], secure: true, within: .seconds(10))
    try work([silent]) { !silent.heard.isEmpty }
    clock.advance(by: .seconds(4))
    for _ in 0..<50 { try loop.turn(mayWait: false) }
    #expect(server.heard.isEmpty)
    clock.advance(by: .seconds(2))
    try serve(server)
    try work([server]) { !results.isEmpty }
    #expect(status == 200)
  }

  @Test func `are never sent to a second server once a first may have read them`() throws {
    let (first, second) = (try WireServer(), try WireServer())
    try ask([first.address, second.address])
    try work([first]) { !first.heard.isEmpty }
    first.leave()
    try work([second]) { !results.isEmpty }
    #expect(error == .connection("the server closed the connection before the answer was whole"))
    for _ in 0..<20 { try loop.turn(mayWait: false) }
    try second.turn()
    #expect(second.heard.isEmpty)
  }

  // MARK: What goes wrong

  @Test func `end in time with a server that never answers`() throws {
    let server = try WireServer()
    try ask([server.address], within: .seconds(3))
    try work([server]) { !server.heard.isEmpty }
    clock.advance(by: .seconds(2))
    #expect(try server.say(octets("HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\n")) == 38)
    for _ in 0..<50 { try loop.turn(mayWait: false) }
    #expect(results.isEmpty)
    clock.advance(by: .seconds(2))
    try work([server]) { !results.isEmpty }
    #expect(error == .timedOut)
    try work([server]) { server.isLeft }
  }

  @Test func `end in time with a server that does not even shake hands`() throws {
    let server = try WireServer()
    try ask([server.address], secure: true, within: .seconds(3))
    try work([server]) { !server.heard.isEmpty }
    clock.advance(by: .seconds(4))
    try work([server]) { !results.isEmpty }
    #expect(error == .timedOut)
  }

  @Test func `name a host that has no address`() throws {
    let long = String(repeating: "a", count: 63)
    // A host of 64 bytes in a label is no URL, and one without an address is asked for nowhere.
    #expect(HTTPURL("http://\(long)a.invalid/") == nil)
    try ask("http://_._._.invalid/")
    #expect(results.isEmpty)
    try work { !results.isEmpty }
    guard case .noAddress(let reason) = error else {
      Issue.record("it has an address")
      return
    }
    #expect(reason.contains("'_._._.invalid'"))
  }

  @Test(arguments: [false, true])
  func `have no answer where the connection is cut`(secure: Bool) throws {
    let context = secure ? try trust.server("a.test").0 : nil
    for answer in [
      "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\n\r\nhell",
    ] {
      results = []
      let server = try WireServer(context)
      try ask([server.address], secure: secure)
      try serve(server, octets(answer))
      server.reset()
      try work { !results.isEmpty }
      guard case .connection = error else {
        Issue.record("\(results) for '\(answer)'")
        continue
      }
    }
  }

  @Test(arguments: [false, true])
  func `have the whole answer where its end is that of the connection`(secure: Bool) throws {
    let server = try WireServer(secure ? try trust.server("a.test").0 : nil)
    try ask([server.address], secure: secure)
    try serve(server, octets("HTTP/1.0 200 OK\r\n\r\nhello"))
    server.leave()
    try work { !results.isEmpty }
    #expect(try results.first?.get().body == octets("hello"))
  }

  @Test(arguments: [
    ("no HTTP at all\r\n\r\n", HTTPCallError.malformed("status-line-malformed")),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", .tooLarge),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", .malformed("chunk-malformed")
    ),
  ])
  func `end with an answer that is none`(answer: String, expected: HTTPCallError) throws {
    let server = try WireServer()
    try ask([server.address])
    try serve(server, octets(answer))
    try work([server]) { !results.isEmpty }
    #expect(error == expected)
    try work([server]) { server.isLeft }
  }

  @Test func `end with an answer that does not end`() throws {
    let server = try WireServer()
    try ask([server.address])
    try serve(server, octets("HTTP/1.1 200 OK\r\n\r\n"))
    try work([server]) {
      _ = try? server.say(octets(String(repeating: "x", count: 100)))
      return !results.isEmpty
    }
    #expect(error == .tooLarge)
  }

  @Test(arguments: [
    ("X\r\nY", "a"), ("X", "a\r\nY: b"), ("", "a"), ("X Y", "a"), ("X", "a\u{0}"),
  ])
  func `with a field that would be two are not sent`(name: String, value: String) throws {
    let server = try WireServer()
    let port = try #require(server.address.port)
    let url = try #require(HTTPURL("http://127.0.0.1:\(port)/"))
    let request = HTTPRequest(method: .get, url: url, fields: [(name, value)])
    caller.call(request, within: .seconds(10)) { [unowned self] in results.append($0) }
    #expect(results.isEmpty)
    try work([server]) { !results.isEmpty }
    #expect(error == .malformed("a field of the request"))
    #expect(server.heard.isEmpty)
  }

  // MARK: Several at once, and the end

  @Test func `go on at the same time, each with its own answer`() throws {
    let servers = [try WireServer(), try WireServer(), try WireServer()]
    for (number, server) in servers.enumerated() {
      try ask([server.address], host: "n\(number).test")
    }
    for (number, server) in servers.enumerated().reversed() {
      try serve(server, octets("HTTP/1.1 20\(number) OK\r\nContent-Length: 0\r\n\r\n"))
      try work(servers) { results.count == servers.count - number }
    }
    #expect(try results.map { try $0.get().status } == [202, 201, 200])
  }

  @Test func `are over with the caller, also from within an answer`() throws {
    let (first, second) = (try WireServer(), try WireServer())
    let url = try #require(HTTPURL("http://a.test/"))
    let request = HTTPRequest(method: .get, url: url)
    caller.call(request, at: [first.address], within: .seconds(10)) { [unowned self] in
      results.append($0)
      caller.close()
    }
    caller.call(request, at: [second.address], within: .seconds(1)) { [unowned self] in
      results.append($0)
    }
    try work([second]) { !second.heard.isEmpty }
    try serve(first)
    try work([first, second]) { !results.isEmpty }
    try work([second]) { second.isLeft }
    clock.advance(by: .seconds(60))
    caller.call(request, within: .seconds(1)) { [unowned self] in results.append($0) }
    for _ in 0..<50 { try loop.turn(mayWait: false) }
    #expect(results.count == 1)
  }

  @Test func `are over with a caller that is let go`() throws {
    let server = try WireServer()
    let url = try #require(HTTPURL("http://a.test/"))
    var other: HTTPCaller? = HTTPCaller(ClientIdentity(), on: loop, userAgent: "tests/1")
    other?.call(HTTPRequest(method: .get, url: url), at: [server.address], within: .seconds(1)) {
      [unowned self] in
      results.append($0)
      other = nil
    }
    // Not by its name, whose lookup may fail before the first one is over.
    let silent = try WireServer()
    other?.call(HTTPRequest(method: .get, url: url), at: [silent.address], within: .seconds(1)) {
      [unowned self] in
      results.append($0)
    }
    try serve(server)
    try work([server]) { !results.isEmpty }
    clock.advance(by: .seconds(60))
    for _ in 0..<50 { try loop.turn(mayWait: false) }
    #expect(results.count == 1 && status == 200)
  }
}
