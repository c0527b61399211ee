import TestSupport
import Testing

@testable import HTTPCore

@Suite("What a route wants a request to have")
struct RequestConditionsTests {
  private func fit(_ conditions: RequestConditions, _ request: String) throws
    -> RequestConditions.Fit
  {
    var head = RequestHead()
    var parser = RequestParser()
    let text = request.split(separator: "|").joined(separator: "\r\n")
    _ = try parser.parse(
      octets("\(text)\r\nHost: a.test\r\n\r\n").span, into: &head, limits: HeadLimits())
    return conditions.fit(head)
  }

  private static func part(_ name: String, _ value: String?) -> RequestConditions.Part {
    RequestConditions.Part(name: Array(name.utf8), value: value.map { Array($0.utf8) })
  }

  @Test(
    arguments: [
      ("GET", "GET", true), ("GET", "HEAD", true), ("GET", "POST", false), ("HEAD", "GET", false),
      ("POST", "POST", true), ("POST", "POSTS", false), ("PROPFIND", "PROPFIND", true),
      ("GET", "get", false),
    ])
  func `methods are compared exactly, and GET stands for HEAD`(
    allowed: String, method: String, fits: Bool
  ) throws {
    let conditions = RequestConditions(methods: [Array("PUT".utf8), Array(allowed.utf8)])
    #expect(try fit(conditions, "\(method) / HTTP/1.1") == (fits ? .fits : .otherMethod))
  }

  @Test(
    arguments: [
      ("GET / HTTP/1.1|X-Beta: 1", true), ("GET / HTTP/1.1|x-BETA:  1 ", true),
      ("GET / HTTP/1.1|X-Beta: 2|X-Beta: 1", true), ("GET / HTTP/1.1|X-Beta: 11", false),
      ("GET / HTTP/1.1|X-Beta: ", false), ("GET / HTTP/1.1", false),
      ("GET / HTTP/1.1|X-Betas: 1", false),
    ])
  func `a field has the value in one of its lines`(request: String, fits: Bool) throws {
    let one = RequestConditions(fields: [Self.part("x-beta", "1")])
    #expect(try fit(one, request) == (fits ? .fits : .fitsNot))
  }

  @Test(
    arguments: [
      ("/?v=2", true), ("/?a=b&v=2", true), ("/?v=1&v=2&", true), ("/?v=%32", true),
      ("/?%76=2", true), ("/?v=2&v", true), ("/?v=22", false), ("/?v", false), ("/?v=", false),
      ("/?=2", false), ("/?vv=2", false), ("/", false), ("/?", false), ("/?&&&", false),
      ("/?v=%3", false), ("/v=2?x", false),
    ])
  func `a parameter is read as forms write it`(target: String, fits: Bool) throws {
    let one = RequestConditions(query: [Self.part("v", "2")])
    #expect(try fit(one, "GET \(target) HTTP/1.1") == (fits ? .fits : .fitsNot))
  }

  @Test(
    arguments: [
      ("/?a%20b=c+d", true), ("/?a+b=c%20d", true), ("/?a+b=c%2Bd", false), ("/?a+b=c%2+d", false),
    ])
  func `a plus is a space`(target: String, fits: Bool) throws {
    let one = RequestConditions(query: [Self.part("a b", "c d")])
    #expect(try fit(one, "GET \(target) HTTP/1.1") == (fits ? .fits : .fitsNot))
  }

  @Test func `all must fit, any value where none is named, and methods come last`() throws {
    let conditions = RequestConditions(
      methods: [Array("GET".utf8)], fields: [Self.part("x-a", nil)], query: [Self.part("q", nil)])
    #expect(try fit(conditions, "GET /?q HTTP/1.1|X-A:") == .fits)
    #expect(try fit(conditions, "PUT /?q= HTTP/1.1|X-A: 1") == .otherMethod)
    #expect(try fit(conditions, "PUT / HTTP/1.1|X-A: 1") == .fitsNot)
    #expect(try fit(conditions, "GET /?q HTTP/1.1") == .fitsNot)
  }

  @Test func `a preflight counts as the method that it asks for where it is answered by rule`()
    throws
  {
    let preflight = "OPTIONS / HTTP/1.1|Origin: https://b.test|Access-Control-Request-Method: PUT"
    for (methods, countsPreflights, expected) in [
      (["PUT"], true, .fits), (["PUT"], false, .otherMethod), (["GET"], true, .otherMethod),
      (["OPTIONS"], false, .fits),
    ] as [([String], Bool, RequestConditions.Fit)] {
      let conditions = RequestConditions(
        methods: methods.map { Array($0.utf8) }, countsPreflights: countsPreflights)
      #expect(try fit(conditions, preflight) == expected)
    }
    let put = RequestConditions(methods: [Array("PUT".utf8)], countsPreflights: true)
    #expect(try fit(put, "OPTIONS / HTTP/1.1|Origin: https://b.test") == .otherMethod)
  }
}
