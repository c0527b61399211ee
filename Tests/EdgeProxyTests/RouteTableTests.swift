import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy
@testable import HTTPCore

@Suite("Routes: exact host before wildcard, longest path on segment borders")
struct RouteTableTests {
  private static let patterns = [
    ("*.example.org", "/"),  // 0
    ("billing.example.org", "/api/"),  // 1
    ("billing.example.org", "/api/v2"),  // 2
    ("billing.example.org", "/static"),  // 3
    ("shop.example.org", "/"),  // 4
    ("*.example.org", "/api/v2/deep"),  // 5
    ("alone.example.net", "/only"),  // 6
    ("example.org", "/"),  // 7
  ]

  private func route(_ host: String, _ path: String, in patterns: [(String, String)]) -> Int? {
    let table = RouteTable(
      patterns.map {
        RouteSettings(
          hosts: [$0.0], path: $0.1, upstream: 0, bodyBytesMax: 0, idempotencyKey: false,
          webSocket: true)
      })
    return table.lookup(host: Array(host.utf8).span, path: Array(path.utf8).span)
  }

  @Test(
    arguments: [
      ("billing.example.org", "/api/", 1),
      ("billing.example.org", "/api/users", 1),
      ("billing.example.org", "/api/v2", 2),
      ("billing.example.org", "/api/v2/x", 2),
      ("billing.example.org", "/api/v22", 1),
      ("billing.example.org", "/static", 3),
      ("billing.example.org", "/static/a.css", 3),
      // The exact host wins even where the wildcard has the longer path.
      ("billing.example.org", "/api/v2/deep", 2),
      // What the exact host does not want is the wildcard's.
      ("billing.example.org", "/", 0),
      ("billing.example.org", "/api", 0),
      ("billing.example.org", "/staticx", 0),
      ("billing.example.org", "/STATIC", 0),
      ("other.example.org", "/", 0),
      ("other.example.org", "/api/v2/deep/er", 5),
      ("shop.example.org", "/api/v2/deep", 4),
      ("alone.example.net", "/only/this", 6),
      ("alone.example.net", "/other", nil),
      ("example.org", "/x", 7),
      ("a.b.example.org", "/", nil),
      ("example.com", "/", nil),
      ("", "/", nil),
      ("other.example.org", "*", 0),
      ("other.example.org", "", 0),
    ] as [(String, String, Int?)])
  func `a request finds its route`(host: String, path: String, expected: Int?) {
    #expect(route(host, path, in: Self.patterns) == expected)
  }

  @Test func `the order of the routes never matters`() {
    var random = SeededRandom(seed: 11)
    let hosts = ["billing.example.org", "x.example.org", "shop.example.org", "alone.example.net"]
    let paths = ["/", "/api/v2/deep/x", "/api/v1", "/static/x", "/only"]
    for _ in 0..<50 {
      let order = Self.patterns.indices.shuffled(using: &random)
      let shuffled = order.map { Self.patterns[$0] }
      for host in hosts {
        for path in paths {
          let found = route(host, path, in: shuffled).map { order[$0] }
          #expect(found == route(host, path, in: Self.patterns))
        }
      }
    }
  }

  /// A route with these hosts and conditions.
  private static func settings(
    _ hosts: [String], _ path: String = "/", _ conditions: RequestConditions? = nil
  ) -> RouteSettings {
    var route = RouteSettings(
      hosts: hosts, path: path, upstream: 0, bodyBytesMax: 0, idempotencyKey: false,
      webSocket: true)
    route.conditions = conditions
    return route
  }

  @Test(
    arguments: [
      ("a.test", "/x", 0), ("b.example.org", "/x", 0), ("c.example.org", "/x", 1),
      ("c.example.org", "/api/x", 2), ("other.net", "/", 3), ("192.0.2.1", "/", 3),
      ("a.test", "/api/x", 0), ("x.y.example.org", "/", 3), ("*", "/", 3),
    ])
  func `a route has all of its hosts, and the catch-all what is left`(
    host: String, path: String, expected: Int
  ) {
    let table = RouteTable([
      Self.settings(["a.test", "b.example.org"]), Self.settings(["*.example.org"]),
      Self.settings(["*.example.org"], "/api"), Self.settings(["*"]),
    ])
    #expect(table.lookup(host: octets(host).span, path: octets(path).span) == expected)
  }

  @Test func `the catch-all takes the paths that no route of the host has`() {
    let table = RouteTable([
      Self.settings(["a.test"], "/a"), Self.settings(["*"]), Self.settings(["*.org"], "/w"),
    ])
    func found(_ host: String, _ path: String) -> Int? {
      table.lookup(host: octets(host).span, path: octets(path).span)
    }
    #expect(found("a.test", "/a/x") == 0 && found("a.test", "/b") == 1)
    #expect(found("x.org", "/w") == 2 && found("x.org", "/") == 1)
    let caught = ["unknown.net", "a.test", "x.org"].map { table.isCaught(octets($0).span) }
    #expect(caught == [true, false, false])
    let isCaughtByNone = RouteTable([Self.settings(["a.test"])]).isCaught(octets("x.net").span)
    #expect(!isCaughtByNone)
  }

  @Test func `more conditions are asked first, and other methods end the search`() {
    let get = RequestConditions(methods: [octets("GET")])
    let beta = RequestConditions(fields: [.init(name: octets("x-beta"), value: nil)])
    let both = RequestConditions(
      methods: [octets("POST")], fields: [.init(name: octets("x-beta"), value: nil)])
    let table = RouteTable([
      Self.settings(["a.test"]), Self.settings(["a.test"], "/a", get),
      Self.settings(["a.test"], "/a", beta), Self.settings(["a.test"], "/a", both),
    ])
    func choice(_ fit: (RequestConditions) -> RequestConditions.Fit) -> RouteTable.Choice {
      table.choose(host: octets("a.test").span, path: octets("/a").span, fit)
    }
    #expect(choice { _ in .fits } == .route(3))
    #expect(choice { $0 === both ? .otherMethod : .fits } == .route(2))
    #expect(choice { $0.count > 0 ? .fitsNot : .fits } == .route(1))
    // The route of `/` would take it, and is not asked.
    #expect(choice { $0.count > 0 ? .fitsNot : .otherMethod } == .otherMethods([1]))
    #expect(choice { $0 === beta ? .fitsNot : .otherMethod } == .otherMethods([3, 1]))
    #expect(choice { _ in .fitsNot } == .route(0))
  }

  @Test func `a table without routes finds none`() {
    #expect(route("example.org", "/", in: []) == nil)
  }
}
