import HTTPCore
import TestSupport
import Testing

@Suite("Which answers may be given again")
struct CacheRulesTests {
  /// 1994-11-06 08:49:37.
  private static let now: Int64 = 784_111_777
  private static let nowText = "Sun, 06 Nov 1994 08:49:37 GMT"
  private static let minuteAgo = "Sun, 06 Nov 1994 08:48:37 GMT"

  private func verdict(
    _ fields: String..., status: Int = 200, delay: Int64 = 0
  ) throws -> CacheRules.Verdict {
    let head = try ResponseHead.of(fields, status: status)
    return CacheRules.verdict(on: head, now: Self.now, delay: delay)
  }

  private func terms(_ fields: String..., status: Int = 200, delay: Int64 = 0) throws
    -> StorageTerms
  {
    let head = try ResponseHead.of(fields, status: status)
    guard case .keep(let terms) = CacheRules.verdict(on: head, now: Self.now, delay: delay) else {
      throw NotKept()
    }
    return terms
  }

  private struct NotKept: Error {}

  // MARK: Statuses

  @Test(arguments: [200, 203, 204, 300, 301, 308, 404, 410])
  func `a good answer may be kept without a word about it`(status: Int) throws {
    #expect(
      try terms(status: status)
        == StorageTerms(freshness: 0, initialAge: 0, usable: nil, varies: []))
  }

  @Test(arguments: [302, 303, 307])
  func `a redirect for now is kept only where the application says so`(status: Int) throws {
    #expect(try verdict(status: status) == .forget)
    for word in ["public", "max-age=5", "public, max-age=0"] {
      _ = try terms("Cache-Control: \(word)", status: status)
    }
    _ = try terms("Expires: 0", status: status)
  }

  @Test(arguments: [
    201, 202, 205, 206, 304, 400, 401, 403, 405, 408, 412, 416, 418, 429, 500, 501, 502, 503, 504,
  ])
  func `no other status is kept or takes the place of what is`(status: Int) throws {
    #expect(try verdict("Cache-Control: public, max-age=60", status: status) == .ignore)
    #expect(try verdict("Cache-Control: no-store", status: status) == .ignore)
  }

  @Test func `a part of the content is never kept`() throws {
    #expect(try verdict("Content-Range: bytes 0-1/2") == .ignore)
  }

  // MARK: What the application forbids

  @Test(arguments: [
    "no-store", "private", "no-cache", "public, no-store", "max-age=60, private=\"x\"",
    "no-cache=\"set-cookie\"", "max-age=60;", "\"",
  ])
  func `an answer that may not be kept takes away the one before`(word: String) throws {
    #expect(try verdict("Cache-Control: \(word)") == .forget)
    #expect(try verdict("Cache-Control: max-age=60", "Cache-Control: \(word)") == .forget)
    #expect(try verdict("Cache-Control: \(word)", "Set-Cookie: a=b") == .forget)
  }

  @Test func `an answer that sets a cookie is one for its client`() throws {
    #expect(try verdict("Set-Cookie: a=b") == .ignore)
    #expect(try verdict("Cache-Control: public, max-age=60", "Set-Cookie: a=b") == .ignore)
  }

  // MARK: For how long

  @Test(arguments: ["must-revalidate", "proxy-revalidate"])
  func `one that has to be asked about is given only while it is fresh`(word: String) throws {
    #expect(try verdict("Cache-Control: \(word)") == .forget)
    #expect(try terms("Cache-Control: max-age=60, \(word)").usable == 60)
    #expect(try terms("Cache-Control: max-age=60, \(word), stale-if-error=900").usable == 60)
    #expect(try terms("Cache-Control: max-age=60, \(word)", "Age: 50").usable == 10)
    #expect(try verdict("Cache-Control: max-age=60, \(word)", "Age: 60") == .forget)
  }

  @Test func `s-maxage counts before max-age and allows no stale answer`() throws {
    let terms = try terms("Cache-Control: s-maxage=30, max-age=60")
    #expect(terms.freshness == 30 && terms.usable == 30)
    #expect(try verdict("Cache-Control: s-maxage=0, max-age=60") == .forget)
  }

  @Test func `the application's stale-if-error counts from the end of freshness`() throws {
    #expect(try terms("Cache-Control: max-age=60, stale-if-error=600").usable == 660)
    #expect(try terms("Cache-Control: max-age=60, stale-if-error=600", "Age: 100").usable == 560)
    #expect(try terms("Cache-Control: stale-if-error=600").usable == 600)
    #expect(try terms("Cache-Control: max-age=60, stale-if-error=0").usable == 60)
    #expect(try verdict("Cache-Control: stale-if-error=0") == .forget)
    #expect(try verdict("Cache-Control: stale-if-error=soon") == .forget)
  }

  @Test func `without such words the route decides`() throws {
    #expect(try terms("Cache-Control: max-age=60").usable == nil)
    #expect(try terms("Cache-Control: max-age=0", "Age: 900").usable == nil)
  }

  @Test func `Expires says until when an answer is fresh where max-age does not`() throws {
    let fields = "Date: \(Self.minuteAgo)"
    #expect(try terms(fields, "Expires: \(Self.nowText)").freshness == 60)
    #expect(try terms("Expires: \(Self.minuteAgo)").freshness == 0)
    #expect(try terms("Expires: 0").freshness == 0)
    #expect(
      try terms(fields, "Expires: \(Self.nowText)", "Expires: \(Self.nowText)").freshness == 0)
    #expect(
      try terms(fields, "Expires: \(Self.nowText)", "Cache-Control: max-age=5").freshness == 5)
  }

  @Test func `the age at receipt is the larger of what Age and Date say`() throws {
    #expect(try terms().initialAge == 0)
    #expect(try terms("Date: \(Self.minuteAgo)").initialAge == 60)
    #expect(try terms("Date: \(Self.minuteAgo)", "Age: 90").initialAge == 90)
    #expect(try terms("Date: \(Self.minuteAgo)", "Age: 20", delay: 7).initialAge == 60)
    #expect(try terms("Age: 20", delay: 7).initialAge == 27)
    #expect(try terms("Age: 20", "Age: 30").initialAge == 20)
    #expect(try terms("Age: soon").initialAge == 0)
    #expect(try terms("Date: never", "Age: 3").initialAge == 3)
    #expect(try terms("Date: Sun, 06 Nov 2050 08:48:37 GMT").initialAge == 0)
    #expect(try terms("Age: 99999999999999999999").initialAge == CacheControl.secondsMax)
    #expect(try terms("Date: Thu, 01 Jan 0001 00:00:00 GMT").initialAge == CacheControl.secondsMax)
  }

  // MARK: Vary

  @Test func `the names in Vary are known once each and in lower case`() throws {
    #expect(
      try terms("Vary: Accept-Encoding, accept-language", "Vary: ACCEPT-ENCODING, X-A").varies.map {
        String(decoding: $0, as: UTF8.self)
      } == ["accept-encoding", "accept-language", "x-a"])
    #expect(try terms("Vary: ").varies.isEmpty)
  }

  @Test(arguments: ["*", "Accept, *", "a b", "x\"y"])
  func `what varies by something unknown is never given again`(value: String) throws {
    #expect(try verdict("Vary: \(value)") == .forget)
    #expect(try verdict("Vary: Accept", "Vary: \(value)") == .forget)
  }

  @Test func `what varies by too much is not worth it`() throws {
    let names = (0..<17).map { "x-\($0)" }
    #expect(try terms("Vary: \(names.dropLast().joined(separator: ", "))").varies.count == 16)
    #expect(try verdict("Vary: \(names.joined(separator: ", "))") == .ignore)
  }
}

@Suite("Which requests share their answers")
struct SharedRequestTests {
  private func mayShare(_ text: String) throws -> Bool {
    try RequestHead.of(text).mayShareAnswer
  }

  @Test func `GET and HEAD that say nothing of who asks do`() throws {
    #expect(try mayShare(get("Accept: */*", "User-Agent: x", "Range: bytes=0-1")))
    #expect(try mayShare(get("Content-Length: 0")))
    #expect(try mayShare("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n"))
  }

  @Test(arguments: [
    "Cookie: a=b", "Cookie: ", "Authorization: Basic x", "authorization: Bearer x",
    "Content-Length: 1", "Transfer-Encoding: chunked", "X-HTTP-Method-Override: POST",
    "X-HTTP-Method: DELETE", "X-Method-Override: PUT", "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
  ])
  func `with any of these a request stands alone`(field: String) throws {
    #expect(try !mayShare(get(field)))
  }

  @Test(arguments: ["POST", "PUT", "OPTIONS", "DELETE", "PURGE"])
  func `other methods do not`(method: String) throws {
    #expect(try !mayShare("\(method) / HTTP/1.1\r\nHost: a.test\r\n\r\n"))
  }

  @Test func `a client may ask that nothing is kept, and its other words are advice`() throws {
    #expect(try RequestHead.of(get("Cache-Control: no-store")).forbidsStorage)
    #expect(try RequestHead.of(get("Cache-Control: max-age=0, no-store")).forbidsStorage)
    #expect(try RequestHead.of(get("Cache-Control: ;")).forbidsStorage)
    for word in ["no-cache", "max-age=0", "only-if-cached", "min-fresh=5"] {
      #expect(try !RequestHead.of(get("Cache-Control: \(word)")).forbidsStorage)
    }
    #expect(try !RequestHead.of(get()).forbidsStorage)
  }

  @Test func `the lines of a field are compared as one list`() throws {
    let head = try RequestHead.of(get("Accept-Language: de", "X: 1", "accept-language: en;q=0.5"))
    let found = head.combined(octets("accept-language").span)
    #expect(found == octets("de, en;q=0.5"))
    #expect(head.combined(octets("accept").span) == nil)
    let empty = try RequestHead.of(get("Accept: "))
    #expect(empty.combined(octets("accept").span) == [])
  }
}

extension RequestHead {
  static func of(_ text: String) throws -> RequestHead {
    var parser = RequestParser()
    var head = RequestHead()
    _ = try parser.parse(octets(text).span, into: &head, limits: HeadLimits())
    return head
  }
}

extension ResponseHead {
  static func of(_ fields: [String], status: Int = 200) throws -> ResponseHead {
    let reply = octets("HTTP/1.1 \(status) X\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    return try of(reply)
  }

  static func of(_ bytes: [UInt8]) throws -> ResponseHead {
    var parser = ResponseParser()
    var head = ResponseHead()
    _ = try parser.parse(bytes.span, into: &head, limits: HeadLimits())
    return head
  }
}
