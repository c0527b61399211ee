import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

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
          host: $0.0, path: $0.1, upstream: 0, bodyBytesMax: 0, idempotencyKey: false,
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

  @Test func `a table without routes finds none`() {
    #expect(route("example.org", "/", in: []) == nil)
  }
}
