import TestSupport
import Testing

@testable import HTTPCore

@Suite("Answers for pages of other origins, Fetch §3.2")
struct CrossOriginTests {
  private func head(_ fields: String..., method: String = "GET") throws -> RequestHead {
    var head = RequestHead()
    var parser = RequestParser()
    let lines = fields.map { "\($0)\r\n" }.joined()
    let request = octets("\(method) / HTTP/1.1\r\nHost: a.test\r\n\(lines)\r\n")
    _ = try parser.parse(request.span, into: &head, limits: HeadLimits())
    return head
  }

  private func rule(
    _ origins: [CrossOrigin.Origin] = [], headers: [String]? = [], exposed: [String] = [],
    credentials: Bool = false
  ) -> CrossOrigin {
    CrossOrigin(
      origins: origins, methods: ["GET", "PUT"].map(octets), headers: headers?.map(octets),
      exposed: exposed.map(octets), credentials: credentials, seconds: 600)
  }

  private static let origins: [CrossOrigin.Origin] = [
    .exact(Array("https://one.test".utf8)), .exact(Array("http://two.test:8080".utf8)),
    .anyLabel(before: Array("https://".utf8), after: Array(".three.test".utf8)),
  ]

  private func lines(_ response: borrowing ResponseHead) -> [String] {
    var lines: [String] = []
    for field in response.fields {
      lines.append("\(text(response.span(field.name))): \(text(response.span(field.value)))")
    }
    return lines
  }

  @Test(
    arguments: [
      ("https://one.test", true), ("http://one.test", false), ("https://one.test:8443", false),
      ("http://two.test:8080", true), ("http://two.test", false), ("https://a-1.three.test", true),
      ("https://.three.test", false), ("https://three.test", false),
      ("https://a.b.three.test", false), ("https://evil.test/.three.test", false),
      ("https://evil.test:.three.test", false), ("https://one.test.evil.test", false),
      ("https://eone.test", false), ("HTTPS://one.test", false), ("null", false), ("", false),
    ])
  func `an origin is compared whole`(origin: String, isAllowed: Bool) throws {
    let rule = rule(Self.origins)
    let head = try head("Origin: \(origin)")
    let isTaken = rule.allowsOrigin(of: head)
    let told = rule.fields(for: head).map { text($0.value.span) }
    #expect(isTaken == isAllowed)
    #expect(told == (isAllowed ? [origin] : []))
  }

  @Test func `the fields of the rule take the place of the application's`() throws {
    let rule = rule(Self.origins, exposed: ["X-Total"], credentials: true)
    var response = ResponseHead()
    response.begin(200, "OK")
    response.add("access-control-allow-origin", "*")
    response.add("Access-Control-Allow-Origin", "https://evil.test")
    response.add("Access-Control-Allow-Credentials", "true")
    response.add("Vary", "Accept")
    rule.apply(to: &response, for: try head("Origin: https://one.test"))
    let told = lines(response)
    #expect(
      told == [
        "Vary: Accept", "Access-Control-Allow-Origin: https://one.test",
        "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total",
        "Vary: Origin",
      ])
  }

  @Test func `an answer to another origin or to none has no fields, and says that it varies`()
    throws
  {
    let rule = rule(Self.origins, credentials: true)
    for fields in ["Origin: https://evil.test", "X-None: 1"] {
      var response = ResponseHead()
      response.begin(200, "OK")
      response.add("Access-Control-Allow-Origin", "*")
      response.add("Vary", "accept, ORIGIN")
      rule.apply(to: &response, for: try head(fields))
      let told = lines(response)
      #expect(told == ["Vary: accept, ORIGIN"])
    }
  }

  @Test func `every origin gets a star, which does not vary`() throws {
    var response = ResponseHead()
    response.begin(200, "OK")
    rule().apply(to: &response, for: try head("Origin: null"))
    let told = lines(response)
    #expect(told == ["Access-Control-Allow-Origin: *"])
  }

  @Test func `a preflight learns methods, fields and how long it counts`() throws {
    let asked = try head(
      "Origin: https://one.test", "Access-Control-Request-Method: PUT",
      "Access-Control-Request-Headers: x-a, authorization", method: "OPTIONS")
    var response = ResponseHead()
    response.begin(204, "No Content")
    rule(Self.origins, headers: ["X-A", "X-B"]).describePreflight(&response, for: asked)
    let named = lines(response)
    #expect(
      named == [
        "Access-Control-Allow-Methods: GET, PUT", "Access-Control-Allow-Headers: X-A, X-B",
        "Access-Control-Max-Age: 600",
      ])
    response.begin(204, "No Content")
    rule(Self.origins, headers: nil).describePreflight(&response, for: asked)
    let echoed = lines(response)
    #expect(
      echoed == [
        "Access-Control-Allow-Methods: GET, PUT",
        "Access-Control-Allow-Headers: x-a, authorization",
        "Vary: Access-Control-Request-Headers", "Access-Control-Max-Age: 600",
      ])
  }

  @Test func `only OPTIONS with an origin and a method is a preflight`() throws {
    let method = "Access-Control-Request-Method: PUT"
    let asks = try head("Origin: https://one.test", method, method: "OPTIONS")
    let hasNoOrigin = try head(method, method: "OPTIONS")
    let hasNoMethod = try head("Origin: https://one.test", method: "OPTIONS")
    let isNoOptions = try head("Origin: https://one.test", method)
    let methods = [
      asks.methodOfPreflight, hasNoOrigin.methodOfPreflight, hasNoMethod.methodOfPreflight,
      isNoOptions.methodOfPreflight,
    ]
    #expect(methods.map { $0 != nil } == [true, false, false, false])
  }
}
