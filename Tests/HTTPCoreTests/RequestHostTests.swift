import HTTPCore
import TestSupport
import Testing

@Suite("The host of a request, RFC 9112 §3.2")
struct RequestHostTests {
  @Test(arguments: [
    ("a.test", "a.test", nil as UInt16?), ("A.TEST", "a.test", nil), ("a.test.", "a.test", nil),
    ("a.test:1", "a.test", 1), ("a.test:65535", "a.test", 65535), ("a.test:", "a.test", nil),
    ("a.test.:0443", "a.test", 443), ("a_b.test", "a_b.test", nil), ("127.0.0.1", "127.0.0.1", nil),
    ("[::1]", "[::1]", nil), ("[FE80::a]:8443", "[fe80::a]", 8443),
    ("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", nil),
    ("xn--bcher-kva.test", "xn--bcher-kva.test", nil),
  ])
  func `a host is normalised`(value: String, host: String, port: UInt16?) {
    let field = request(get(host: value))
    #expect(field.consumed != nil)
    #expect(field.host == host)
    #expect(field.hostPort == port)
    #expect(field.authority == value)
    let target = request(get(target: "http://\(value)/x", host: nil))
    #expect(target.consumed != nil)
    #expect(target.host == host)
    #expect(target.hostPort == port)
    #expect(target.authority == value)
    #expect(target.path == "/x")
  }

  @Test(arguments: [
    "", ".", "a..b", ".a", "a b", "a/b", "a@b", "a:b", "a:65536", "a:0", "a:000001", "a:-1", "a:+1",
    "a:1:2", "a\u{e9}", "a%41", "a\\b", "a..(b", "a<b", "a\"b", "a|b", "a^b", "a`b", "{a}", "a?b",
    "[", "[]", "[a]", "[::1", "[::1]x",
    "[::1]:x", "[g::1]", "[::1%eth0]", "::1", "a:443 ", "user:pass@a",
  ])
  func `a malformed host is refused`(value: String) {
    // White space at the end is not part of the value.
    let expected: HTTPError? = value.hasSuffix(" ") ? nil : .hostMalformed
    #expect(request(get(host: value)).refusal == expected)
  }

  @Test func `one host, once`() {
    #expect(request(get("Host: a.test")).refusal == .hostRepeated)
    #expect(request(get("host: b.test")).refusal == .hostRepeated)
    #expect(request(get("HOST:")).refusal == .hostRepeated)
    #expect(
      request(get("Host: a.test", target: "http://a.test/")).refusal == .hostRepeated)
  }

  @Test func `a request without a host is understood, for the answer`() {
    let reading = request(get(host: nil))
    #expect(reading.consumed != nil)
    #expect(reading.host == "")
    #expect(reading.authority == "")
  }

  @Test(arguments: [
    ("http://a.test/p?q", "/p", "/p", "q" as String?), ("HTTPS://A.test/p", "/p", "/p", nil),
    ("http://a.test", "", "/", nil), ("http://a.test?q", "", "/", "q"),
    ("http://a.test/", "/", "/", nil), ("https://a.test?", "", "/", ""),
  ])
  func `an absolute target names the host`(
    target: String, path: String, decoded: String, query: String?
  ) {
    let reading = request(get(target: target))
    #expect(reading.consumed != nil)
    #expect(reading.host == "a.test")
    #expect(reading.target == target)
    #expect(reading.path == path)
    #expect(reading.decodedPath == decoded)
    #expect(reading.query == query)
  }

  @Test(arguments: [
    "a,b", "*", "*.a.test", "a'b.test", "A~B", "$a", "a!", "&", "(a)", "a+b", "a;b=c", "a,b.",
  ])
  func `a host that is no DNS name is understood and kept apart`(value: String) throws {
    for input in [get(host: value), get(target: "http://\(value)/", host: nil)] {
      let reading = request(input)
      #expect(reading.consumed != nil)
      #expect(reading.host == value.lowercased())
      #expect(reading.authority == value)
      #expect(!reading.hostIsName)
    }
    let port = request(get(host: value + ":443"))
    #expect(port.hostPort == 443)
    #expect(!port.hostIsName)
    #expect(request(get(target: "http://a.test/", host: value)).hostIsName)
    #expect(request(get()).hostIsName)
  }

  @Test func `a host that is no DNS name has the same bounds`() {
    let label = String(repeating: "!", count: 63)
    #expect(request(get(host: label)).refusal == nil)
    #expect(request(get(host: label + "!")).refusal == .hostMalformed)
    let name = [label, label, label, label].joined(separator: ".")
    #expect(request(get(host: name)).refusal == .hostMalformed)
  }

  @Test(arguments: ["b.test", "a.test:80", "a.test:444", "x.a.test", "[::1]", "A.TEST.:0443"])
  func `an absolute target counts, and takes the place of the field`(host: String) {
    let reading = request(get("X: y", target: "http://a.test:443/", host: host))
    #expect(reading.consumed != nil)
    #expect(reading.host == "a.test")
    #expect(reading.hostPort == 443)
    #expect(reading.authority == "a.test:443")
    #expect(reading.fields == ["Host: a.test:443", "X: y"])
  }

  @Test func `a field beside an absolute target must be a host all the same`() {
    #expect(request(get(target: "http://a.test/", host: "")).refusal == .hostMalformed)
    #expect(request(get(target: "http://a.test/", host: "a@a")).refusal == .hostMalformed)
  }

  @Test(arguments: [
    ("http://", HTTPError.targetMalformed), ("http:/a", .targetMalformed),
    ("http:a", .targetMalformed), ("ftp://a.test/", .targetMalformed),
    ("https:/", .targetMalformed), ("ws://a.test/", .targetMalformed),
    ("a.test:443", .targetMalformed),
    ("a/b", .targetMalformed), ("?q", .targetMalformed), ("**", .targetMalformed),
    ("*/", .targetMalformed), ("%2f", .targetMalformed), ("http:///p", .hostMalformed),
    ("http://?q", .hostMalformed), ("http://u@a.test/", .hostMalformed),
    ("http://u:p@a.test/", .hostMalformed), ("http://a.test:x/", .hostMalformed),
    ("http://a%2etest/", .hostMalformed), ("http://a.test\\@b/", .hostMalformed),
  ])
  func `other forms of a target are refused`(target: String, error: HTTPError) {
    #expect(request(get(target: target)).refusal == error)
  }

  @Test func `an asterisk belongs to OPTIONS alone`() {
    let reading = request("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n")
    #expect(reading.consumed != nil)
    #expect(reading.path == "*")
    #expect(reading.decodedPath == "*")
    for method in ["GET", "POST", "HEAD", "options", "X"] {
      let other = request("\(method) * HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(other.refusal == .targetMalformed, "\(method)")
    }
  }
}
