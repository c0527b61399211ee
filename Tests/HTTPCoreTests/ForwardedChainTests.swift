import HTTPCore
import TestSupport
import Testing

@Suite("What trusted proxies say")
struct ForwardedChainTests {
  /// Everything that was read, as text.
  struct Reading: Equatable {
    var client: String?
    var isTLS: Bool?
    var host = ""
    var requestID = ""
    var addresses = ""
  }

  static func read(_ fields: String...) throws -> Reading {
    let bytes = octets(
      "GET / HTTP/1.1\r\nHost: a.test\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    var parser = RequestParser()
    var head = RequestHead()
    _ = try parser.parse(bytes.span, into: &head, limits: HeadLimits())
    let networks = ["10.0.0.0/8", "2001:db8::/32"].compactMap { text in
      let bytes = octets(text)
      return Network(bytes.span)
    }
    var chain = ForwardedChain()
    chain.read(head, trusted: networks)
    return Reading(
      client: chain.client.map { String(decoding: $0.text, as: UTF8.self) }, isTLS: chain.isTLS,
      host: String(decoding: chain.host, as: UTF8.self),
      requestID: String(decoding: chain.requestID, as: UTF8.self),
      addresses: String(decoding: chain.addresses, as: UTF8.self))
  }

  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
    ("6.6.6.6, 192.0.2.1, 10.0.0.1", "192.0.2.1"), ("6.6.6.6,192.0.2.1,10.0.0.1", "192.0.2.1"),
    ("192.0.2.1,\t10.0.0.1 , 2001:db8::5", "192.0.2.1"), ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
    ("192.0.2.1:4711", "192.0.2.1"), ("[2001:dead::1]:4711", "2001:dead::1"),
    ("[2001:dead::1]", "2001:dead::1"), ("2001:dead::1", "2001:dead::1"),
    ("::ffff:192.0.2.1, ::ffff:10.0.0.1", "192.0.2.1"),
    ("192.0.2.1, unknown, 10.0.0.1", "10.0.0.1"),
    ("\"192.0.2.1\"", "192.0.2.1"), ("\"192.0.2.1:4711\", 10.0.0.1", "192.0.2.1"),
    ("\"[2001:dead::1]:4711\",\"[2001:db8::1]\"", "2001:dead::1"),
    ("[::ffff:192.0.2.1]:80", "192.0.2.1"), ("192.0.2.1 , 10.0.0.1:80", "192.0.2.1"),
  ])
  func `the client is the last address that is not trusted`(value: String, client: String) throws {
    let reading = try Self.read("X-Forwarded-For: \(value)")
    #expect(reading.client == client)
    #expect(reading.addresses == value)
  }

  @Test(arguments: [
    "unknown", "192.0.2.1, unknown", "192.0.2.1, unknown,", "192.0.2.1, 10.0.0.256",
    "[192.0.2.1", ":80", "[]", "\"", "\"\"", "\"192.0.2.1", ",", " , ,", "_hidden", "192.0.2.1;",
  ])
  func `without a usable last address there is no client`(value: String) throws {
    #expect(try Self.read("X-Forwarded-For: \(value)").client == nil)
  }

  @Test(arguments: [
    ("192.0.2.1,", "192.0.2.1"), ("192.0.2.1, , 10.0.0.1", "192.0.2.1, 10.0.0.1"),
    (", 192.0.2.1", "192.0.2.1"), (",,192.0.2.1,,\t,10.0.0.1 ,", "192.0.2.1,10.0.0.1 "),
    ("192.0.2.1" + String(repeating: ",", count: 200), "192.0.2.1"),
    ("192.0.2.1, 10.0.0.1:80, ", "192.0.2.1, 10.0.0.1:80"),
  ])
  func `empty elements of the list are passed over and go no further`(
    value: String, addresses: String
  ) throws {
    let reading = try Self.read("X-Forwarded-For: \(value)")
    #expect(reading.client == "192.0.2.1")
    #expect(reading.addresses == addresses)
  }

  @Test func `several lines are one list`() throws {
    let reading = try Self.read(
      "X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 192.0.2.1,", "X-Forwarded-For:",
      "X-Forwarded-For: ,", "X-Forwarded-For: , 10.0.0.1")
    #expect(reading.client == "192.0.2.1")
    #expect(reading.addresses == "6.6.6.6, 192.0.2.1, 10.0.0.1")
  }

  @Test func `a long row of trusted addresses is not followed for ever`() throws {
    let row = Array(repeating: "10.0.0.1", count: 200).joined(separator: ",")
    #expect(try Self.read("X-Forwarded-For: 192.0.2.1,\(row)").client == "10.0.0.1")
  }

  @Test func `scheme, host and name of the request are read`() throws {
    let reading = try Self.read(
      "X-Forwarded-Proto: HTTP", "X-Forwarded-Host: Shop.Example.org:8443",
      "X-Request-ID: 6f1c-Aa_0.9:1")
    #expect(
      reading
        == Reading(isTLS: false, host: "Shop.Example.org:8443", requestID: "6f1c-Aa_0.9:1"))
    #expect(try Self.read("X-Forwarded-Proto: https").isTLS == true)
    #expect(try Self.read("X-Forwarded-Proto: , https,").isTLS == true)
  }

  @Test(arguments: ["ftp", "", "https, http", "httpss"])
  func `another scheme is no scheme`(value: String) throws {
    #expect(try Self.read("X-Forwarded-Proto: \(value)").isTLS == nil)
  }

  @Test(arguments: ["", "a b", "a\"b", "<x>", "ä", "a,b", String(repeating: "x", count: 129)])
  func `a name that is not fit for a log is not kept`(value: String) throws {
    #expect(try Self.read("X-Request-ID: \(value)").requestID == "")
  }

  @Test func `other fields of proxies are not read`() throws {
    #expect(
      try Self.read(
        "Forwarded: for=192.0.2.1;proto=http", "X-Real-IP: 192.0.2.1",
        "X-Forwarded-Server: evil") == Reading())
  }
}
