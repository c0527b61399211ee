import ACME
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// What a whole worker answers to CAs out of its table.
@Suite("Challenges that the server's own certificates have")
struct ChallengeTableTests {
  private static let path = "/.well-known/acme-challenge/"
  private let server: InProcessServer
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    server = try InProcessServer(
      """
      routes: [{ host: a.test, respond: { body: route } }]
      acme_challenges: \(directory.path)
      limits: { requests_per_address: { rate: 1, burst: 8 } }
      """)
  }

  private func install(_ values: [(String, String)], node: String? = nil) {
    let values = values.map { ChallengeValue(.http(token: $0.0), $0.1) }
    server.worker.install(ChallengeTable(Set(values), node: node, now: 0))
  }

  private func answer(
    _ target: String, _ method: String = "GET", host: String? = "a.test",
    to kind: ListenerKind = .http
  ) throws -> String {
    let client = try server.connect(to: kind)
    let field = host.map { "Host: \($0)\r\n" } ?? ""
    client.send("\(method) \(target) HTTP/1.\(host == nil ? 0 : 1)\r\n\(field)\r\n")
    try server.settle()
    return text(client.read().span)
  }

  static let kinds = [ListenerKind.http, .https]
  static let hosts: [String?] = ["a.test", "unrouted.test", "127.0.0.1", "[::1]", nil]

  @Test(arguments: kinds, hosts)
  func `a token is answered on both ports, whatever the host`(
    kind: ListenerKind, host: String?
  ) throws {
    install([("to-ken_1", "to-ken_1.print")])
    let found = try answer(Self.path + "to-ken_1", host: host, to: kind)
    #expect(found.hasPrefix("HTTP/1.1 200 "))
    #expect(found.contains("\r\nContent-Type: application/octet-stream\r\n"))
    #expect(found.hasSuffix("\r\n\r\nto-ken_1.print"))
  }

  @Test func `it is answered before the directory, which has the others`() throws {
    try directory.write("both", "directory")
    try directory.write("file", "directory")
    install([("both", "both.print")])
    #expect(try answer(Self.path + "both").hasSuffix("\r\n\r\nboth.print"))
    #expect(try answer(Self.path + "file").hasSuffix("\r\n\r\ndirectory"))
  }

  @Test func `a query does not matter, and HEAD has no body`() throws {
    install([("token", "token.print")])
    #expect(try answer(Self.path + "token?x=1").hasSuffix("\r\n\r\ntoken.print"))
    let head = try answer(Self.path + "token", "HEAD")
    #expect(head.hasPrefix("HTTP/1.1 200 ") && head.hasSuffix("\r\n\r\n"))
    #expect(head.contains("\r\nContent-Length: 11\r\n"))
  }

  static let methods = ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]

  @Test(arguments: methods, ["table", "file", "edgeproxy-n1"])
  func `another method is refused and told the two that there are`(
    method: String, token: String
  ) throws {
    try directory.write("file", "directory")
    install([("table", "table.print")], node: "n1")
    let found = try answer(Self.path + token, method)
    #expect(found.hasPrefix("HTTP/1.1 405 "))
    #expect(found.contains("\r\nAllow: GET, HEAD\r\n"))
    #expect(!found.contains("table.print") && !found.contains("\r\n\r\ndirectory"))
  }

  static let others = ["tokens", "toke", "token/", "token/x", "", "Token"]

  @Test(arguments: others)
  func `a path that is no token of the table goes on as ever`(_ token: String) throws {
    install([("token", "token.print")])
    let plain = try answer(Self.path + token)
    #expect(plain.hasPrefix("HTTP/1.1 301 "))
    #expect(try answer(Self.path + token, to: .https).hasSuffix("\r\n\r\nroute"))
  }

  @Test func `what was withdrawn is answered no more`() throws {
    install([("token", "token.print")])
    #expect(try answer(Self.path + "token").hasPrefix("HTTP/1.1 200 "))
    server.worker.install(ChallengeTable.empty)
    #expect(try answer(Self.path + "token").hasPrefix("HTTP/1.1 301 "))
  }

  @Test func `the name of the server is told where it is to be, and counts as no challenge`() throws
  {
    install([], node: "edge1.example/1")
    for kind in Self.kinds {
      let found = try answer(Self.path + "edgeproxy-edge1.example/1", host: "x.test", to: kind)
      #expect(found.hasPrefix("HTTP/1.1 200 ") && found.hasSuffix("\r\n\r\nedge1.example/1\n"))
      #expect(try !answer(Self.path + "edgeproxy-edge2", to: kind).contains("edge1"))
    }
    #expect(server.worker.counters.challenges(.http) == 0)
    install([])
    #expect(try answer(Self.path + "edgeproxy-edge1.example/1").hasPrefix("HTTP/1.1 301 "))
  }

  @Test func `answers are counted, and no rate of requests keeps a CA from them`() throws {
    install([("token", "token.print")])
    for _ in 0..<20 { #expect(try answer(Self.path + "token").hasPrefix("HTTP/1.1 200 ")) }
    #expect(server.worker.counters.challenges(.http) == 20)
  }
}

@Suite("The table of what CAs are shown")
struct ChallengeTableSizeTests {
  private static let digest = String(repeating: "A", count: 43)

  private func find(_ table: ChallengeTable, _ token: String) -> ChallengeTable.Answer? {
    let path = Array("/.well-known/acme-challenge/\(token)".utf8)
    return table.find(path.span)
  }

  @Test func `a thousand values are taken, the others are counted`() {
    let values = (0..<1200).map { ChallengeValue(.http(token: "t\($0)"), "v\($0)") }
    let table = ChallengeTable(Set(values), now: 0)
    #expect(table.leftOut == 200)
    #expect((0..<1200).count { find(table, "t\($0)") != nil } == 1000)
  }

  @Test func `what is for DNS is neither shown nor takes room`() {
    let values = (0..<1200).map { ChallengeValue(.dns(name: "n\($0).test"), Self.digest) }
    let table = ChallengeTable(Set(values + [ChallengeValue(.http(token: "t"), "v")]), now: 0)
    #expect(table.leftOut == 0 && table.pairs.isEmpty)
    #expect(find(table, "t") == .challenge(Array("v".utf8)))
  }

  @Test func `certificates are made once for a value, and anew for another`() throws {
    let value = ChallengeValue(.alpn(name: "a.test"), Self.digest)
    let first = ChallengeTable([value], now: 1_800_000_000)
    let made = try #require(first.pairs[Array("a.test".utf8)])
    let second = ChallengeTable(
      [value, ChallengeValue(.http(token: "t"), "v")], keeping: first, now: 1_800_000_000)
    #expect(second.pairs[Array("a.test".utf8)] === made)
    let other = ChallengeValue(.alpn(name: "a.test"), "B" + Self.digest.dropFirst())
    let third = ChallengeTable([other], keeping: second, now: 1_800_000_000)
    #expect(third.pairs[Array("a.test".utf8)] != nil)
    #expect(third.pairs[Array("a.test".utf8)] !== made)
  }

  static let bad = ["", "A", String(repeating: "A", count: 42), String(repeating: "=", count: 43)]

  @Test(arguments: bad)
  func `a value that is no digest has no certificate`(digest: String) {
    let table = ChallengeTable([ChallengeValue(.alpn(name: "a.test"), digest)], now: 0)
    #expect(table.pairs.isEmpty && table.leftOut == 1 && !table.hasAnswers)
  }
}
