import HTTPCore
import Testing

@testable import Configuration

@Suite("Methods and conditions of routes")
struct RouteConditionMistakeTests {
  /// Each text is the second route.
  static let routes: [Mistake] = [
    Mistake(
      "{ host: b.org, respond: {}, methods: [get, POTS, TRACE, connect, \"*\", POST] }",
      "4:43: 'methods' must be methods such as GET, found 'get'; did you mean 'GET'?",
      "4:54: 'methods' must be methods such as GET, found 'TRACE'; TRACE is never passed on",
      "4:61: 'methods' must be methods such as GET, found 'connect'; CONNECT is never passed on, and"
        + " WebSocket counts as GET",
      "4:70: 'methods' must be methods such as GET, found '*'; without 'methods' a route takes all"),
    Mistake(
      "{ host: b.org, respond: {}, methods: [] }",
      "4:42: 'methods' must have at least one method"),
    Mistake(
      "{ host: b.org, respond: {}, method: GET }",
      "4:33: unknown key 'method' in routes[1]; 'methods: [GET, POST]' are those that a route takes"
    ),
    Mistake(
      "{ host: b.org, respond: {}, match: { header: { X-A: b } } }",
      "4:42: unknown key 'header' in routes[1].match; did you mean 'headers'?"),
    Mistake(
      "{ host: b.org, respond: {}, match: { headers: { Host: b, X_A: b, X-Forwarded-For: c } } }",
      "4:53: no condition on field 'Host': 'host' says which hosts a route is for",
      "4:62: no condition on field 'X_A': a name has letters, digits and '-'",
      "4:70: no condition on field 'X-Forwarded-For': this server writes it"),
    Mistake(
      "{ host: b.org, respond: {}, match: { query: [v] } }",
      "4:49: 'query' must be a mapping of names, found a list"),
    Mistake(
      "{ host: b.org, respond: {}, match: {} }",
      "4:40: 'match' says nothing; it has 'headers' and 'query', such as match: { headers: { X-Beta:"
        + " \"1\" } }"),
    Mistake(
      "{ host: a.org, upstream: billing, methods: [POST, PUT] }",
      "4:5: duplicate route for host 'a.org', path '/' and method PUT, first on line 3"),
    Mistake(
      "{ host: b.org, respond: {}, match: { query: {"
        + (0..<17).map { " p\($0): x" }.joined(separator: ",") + " } } }",
      "4:42: 'match' has more than 16 conditions"),
  ]

  @Test(arguments: routes)
  func `what cannot work is refused`(_ mistake: Mistake) {
    mistake.check(
      """
      upstreams: { billing: { nodes: ["10.0.0.1:80"] } }
      routes:
        - { host: a.org, upstream: billing, methods: [PUT] }
        - \(mistake.text)
      """)
  }

  @Test func `routes of one place may differ in what they take`() throws {
    let routes = try ConfigurationFixture.configuration(
      """
      routes:
        - { host: a.org, respond: {} }
        - { host: a.org, respond: {}, methods: [GET, GET] }
        - { host: a.org, respond: {}, methods: [POST], match: { headers: { X-B: "1" } } }
        - { host: a.org, respond: {}, match: { headers: { X-B: "2" } } }
        - { host: a.org, respond: {}, match: { query: { "a b": "*" } } }
      """
    ).routes
    func octets(_ text: String) -> [UInt8] { Array(text.utf8) }
    #expect(routes[0].conditions == nil)
    #expect(routes[1].conditions == RequestConditions(methods: [octets("GET")]))
    #expect(
      routes[2].conditions
        == RequestConditions(
          methods: [octets("POST")], fields: [.init(name: octets("x-b"), value: octets("1"))]))
    #expect(
      routes[4].conditions == RequestConditions(query: [.init(name: octets("a b"), value: nil)]))
  }

  @Test func `the same conditions in another order are a duplicate`() {
    Mistake(
      "",
      "3:5: duplicate route for host 'a.org' and path '/' with the same 'match', first on line 2"
    ).check(
      """
      routes:
        - { host: a.org, respond: {}, match: { headers: { X-A: b, x-c: d } } }
        - { host: a.org, respond: {}, match: { headers: { X-C: d, x-a: b } } }
      """)
  }
}
