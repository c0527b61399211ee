import Testing
import Wire

@Suite("URLs that are asked")
struct HTTPURLTests {
  @Test(arguments: [
    ("https://acme.test/directory", "https://acme.test", "/directory"),
    ("HTTPS://ACME.test./Dir?a=B", "https://acme.test", "/Dir?a=B"),
    ("https://acme.test", "https://acme.test", "/"),
    ("https://acme.test?a", "https://acme.test", "/?a"),
    ("https://acme.test:443/", "https://acme.test", "/"),
    ("https://acme.test:/", "https://acme.test", "/"),
    ("https://acme.test:14000/a//b", "https://acme.test:14000", "/a//b"),
    ("http://acme.test:443/", "http://acme.test:443", "/"),
    ("http://127.0.0.1:80/x", "http://127.0.0.1", "/x"),
    ("https://[2001:DB8::1]/x", "https://[2001:db8::1]", "/x"),
    ("https://[::1]:14000/x?y", "https://[::1]:14000", "/x?y"),
    ("https://a.test/x@y:z", "https://a.test", "/x@y:z"),
  ])
  func `are read, and written in one form`(text: String, origin: String, target: String) throws {
    let url = try #require(HTTPURL(text))
    #expect(url.origin == origin && url.target == target)
    #expect(url.isSecure == origin.hasPrefix("https:"))
    #expect("\(url)" == origin + target)
    #expect(HTTPURL("\(url)") == url)
  }

  @Test func `have the port of their scheme, and a host without brackets`() throws {
    let plain = try #require(HTTPURL("http://a.test/"))
    let secure = try #require(HTTPURL("https://[::1]/"))
    #expect(plain.port == 80 && plain.host == "a.test" && plain.authority == "a.test")
    #expect(secure.port == 443 && secure.host == "::1" && secure.authority == "[::1]")
  }

  @Test(arguments: [
    "", "https", "https:", "https://", "https:///x", "https:/a.test/", "ftp://a.test/", "//a.test/",
    "a.test/", "https://user@a.test/", "https://user:word@a.test/", "https://a.test/#part",
    "https://a.test:0/", "https://a.test:65536/", "https://a.test:x/", "https://a.test:-1/",
    "https://a..test/", "https://.test/", "https://a test/", "https://a.test/ x",
    "https://a.test/\r\nx",
    "https://a.test/\u{0}", "https://a.test/é", "https://é.test/", "https://*.test/",
    "https://a!b/",
    "https://[::1/", "https://[::1]x/", "https://[1.2.3.4]/", "https://[::1%eth0]/",
    "https://[:::]/",
    "https://::1/", " https://a.test/",
  ])
  func `are refused where they are none of ours`(text: String) {
    #expect(HTTPURL(text) == nil)
  }

  @Test func `have 2048 bytes at most`() {
    let start = "https://a.test/"
    #expect(HTTPURL(start + String(repeating: "x", count: 2048 - start.count)) != nil)
    #expect(HTTPURL(start + String(repeating: "x", count: 2049 - start.count)) == nil)
  }
}
