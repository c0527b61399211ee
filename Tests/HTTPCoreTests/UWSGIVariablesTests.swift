import HTTPCore
import TestSupport
import Testing

@Suite("The variables of a request")
struct UWSGIVariablesTests {
  private static let fixed: Set = [
    "REQUEST_METHOD", "REQUEST_URI", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "SERVER_PROTOCOL",
    "SERVER_NAME", "SERVER_PORT", "SERVER_ADDR", "REMOTE_ADDR", "REMOTE_PORT", "REQUEST_SCHEME",
    "HTTPS", "CONTENT_TYPE", "CONTENT_LENGTH", "UWSGI_SCHEME",
  ]

  @Test func `an awkward request has exactly these variables`() throws {
    var facts = exampleFacts()
    facts.bodyLength = 0
    facts.modifier1 = 3
    facts.modifier2 = 4
    let encoded = try encode(
      "GET /a%20b/%2e%2e/c%20d//e/../f?x=%20y&z=1 HTTP/1.1\r\nHost: App1.Example.co.uk:443\r\n"
        + "User-Agent: t/1\r\nCookie: a=1\r\nCookie: b=2\r\nX-Dup: 1\r\nx-dup: 2\r\n"
        + "X_Under_Score: evil\r\nX-Under-Score: good\r\nProxy: http://evil/\r\n"
        + "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: ftp\r\nForwarded: for=9.9.9.9\r\n"
        + "X-Real-IP: 9.9.9.9\r\nX-Request-ID: evil\r\nAuthorization: Basic YTpi\r\n"
        + "Connection: keep-alive, X-Hop\r\nX-Hop: hopval\r\nKeep-Alive: 300\r\nTE: trailers\r\n"
        + "Content-Length: 0\r\nContent-Type: text/x\r\nX-Empty:\r\nExpect: 100-continue\r\n\r\n",
      facts: facts)
    #expect(
      encoded.lines == [
        "REQUEST_METHOD=GET", "REQUEST_URI=/a%20b/%2e%2e/c%20d//e/../f?x=%20y&z=1",
        "PATH_INFO=/c d/f", "SCRIPT_NAME=", "QUERY_STRING=x=%20y&z=1", "SERVER_PROTOCOL=HTTP/1.1",
        "SERVER_NAME=app1.example.co.uk", "SERVER_PORT=443", "SERVER_ADDR=127.0.0.1",
        "REMOTE_ADDR=127.0.0.9", "REMOTE_PORT=40000", "REQUEST_SCHEME=https", "HTTPS=on",
        "CONTENT_TYPE=text/x", "CONTENT_LENGTH=0", "HTTP_HOST=App1.Example.co.uk:443",
        "HTTP_USER_AGENT=t/1", "HTTP_COOKIE=a=1; b=2", "HTTP_X_DUP=1, 2",
        "HTTP_X_UNDER_SCORE=good", "HTTP_AUTHORIZATION=Basic YTpi", "HTTP_X_EMPTY=",
        "HTTP_X_FORWARDED_FOR=127.0.0.9", "HTTP_X_FORWARDED_PROTO=https",
        "HTTP_X_FORWARDED_HOST=App1.Example.co.uk:443", "HTTP_X_REQUEST_ID=r-1",
        "UWSGI_SCHEME=https",
      ])
    #expect(encoded.block?.modifier1 == 3)
    #expect(encoded.block?.modifier2 == 4)
  }

  @Test func `the same request as nginx sent it differs only where it should`() throws {
    let content = try #require(RepositoryFiles.read("Tests/Vectors/uwsgi-req-nginx-get.bin"))
    let nginx = try #require(UWSGIBlock(content))
    let encoded = try encode(
      "GET /a%20b/%2e%2e/c%20d//e/../f?x=%20y&z=1 HTTP/1.1\r\nHost: App1.Example.co.uk:443\r\n"
        + "User-Agent: t/1\r\nX-Under-Score: good\r\nAuthorization: Basic YTpi\r\nX-Empty:\r\n"
        + "Content-Type: text/x\r\n\r\n")
    let same = [
      "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL",
      "SERVER_NAME", "CONTENT_TYPE", "HTTP_HOST", "HTTP_USER_AGENT", "HTTP_X_UNDER_SCORE",
      "HTTP_AUTHORIZATION", "HTTP_X_EMPTY",
    ]
    for key in same { #expect(encoded[key] == nginx[key], "\(key)") }
  }

  @Test func `plain HTTP is said to be plain`() throws {
    var facts = exampleFacts()
    facts.isTLS = false
    let encoded = try encode(get("HTTPS: on", "X-Forwarded-Proto: https"), facts: facts)
    #expect(encoded["REQUEST_SCHEME"] == "http")
    #expect(encoded["UWSGI_SCHEME"] == "http")
    #expect(encoded["HTTP_X_FORWARDED_PROTO"] == "http")
    #expect(!encoded.keys.contains("HTTPS"))
    #expect(encoded["HTTP_HTTPS"] == "on")
  }

  @Test(arguments: [
    ("http://A.test:8443/p?q", nil as String?, "/p?q", "A.test:8443"),
    ("http://a.test?q", "a.test", "/?q", "a.test"), ("http://A.test", "a.TEST", "/", "A.test"),
    ("/", nil, "/", nil), ("/?", "a.test", "/?", "a.test"),
  ])
  func `an absolute target is told in origin form`(
    target: String, host: String?, uri: String, field: String?
  ) throws {
    let encoded = try encode(get(target: target, host: host))
    #expect(encoded["REQUEST_URI"] == uri)
    #expect(encoded["HTTP_HOST"] == field)
    #expect(encoded["SERVER_NAME"] == (field == nil ? "" : "a.test"))
  }

  @Test func `an asterisk stays one`() throws {
    let encoded = try encode("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n")
    #expect(encoded["REQUEST_URI"] == "*")
    #expect(encoded["PATH_INFO"] == "*")
  }

  @Test(arguments: [
    "UWSGI_FILE", "UWSGI_SCRIPT", "UWSGI_MODULE", "UWSGI-FILE", "uwsgi_file", "REMOTE_USER",
    "Remote_User", "SCRIPT_NAME", "PATH_INFO", "DOCUMENT_ROOT", "HTTPS", "HTTP_HOST",
    "HTTP_X_FORWARDED_FOR", "X_Forwarded_For", "X-Forwarded_Proto", "Content_Length",
    "Content_Type", "Transfer_Encoding", "Proxy_", "_", "-", "REQUEST_METHOD", "SERVER_NAME",
    "wsgi.url_scheme", "x.y", "UWSGI_SCHEME", "X_Request_ID", "Host_", "Cookie_",
  ])
  func `no field makes a variable of the server's own`(name: String) throws {
    let encoded = try encode(get("\(name): evil"))
    for variable in encoded.block?.variables ?? [] where variable.value.contains("evil") {
      #expect(variable.key.hasPrefix("HTTP_"))
      #expect(!name.contains("_"))
    }
    #expect(encoded.keys.allSatisfy { $0.hasPrefix("HTTP_") || Self.fixed.contains($0) })
    #expect(Set(encoded.keys).count == encoded.keys.count)
    #expect(encoded["HTTP_X_FORWARDED_FOR"] == "127.0.0.9")
  }

  @Test(arguments: [
    "Proxy", "PROXY", "Forwarded", "X-Forwarded-For", "x-forwarded-PORT", "X-Forwarded-Whatever",
    "X-Real-IP", "X-Request-Id", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
    "Proxy-Authenticate", "TE", "Trailer", "Upgrade", "Connection", "X_Y", "a_",
  ])
  func `what only a proxy may say, and what is for one hop, is dropped`(name: String) throws {
    let encoded = try encode(get("\(name): evil", "\(name): evil"))
    #expect(!encoded.lines.contains { $0.contains("evil") })
    #expect(!encoded.keys.contains("HTTP_PROXY"))
  }

  @Test(arguments: [
    "Host", "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host", "x-request-id", "Content-Type",
    "Content-Length", "HTTP_HOST, close", "REMOTE_ADDR",
  ])
  func `naming our fields in Connection has no effect`(value: String) throws {
    var facts = exampleFacts()
    facts.bodyLength = 3
    let input = { (line: String) in
      post("Content-Type: text/x", "Content-Length: 3", "X-Forwarded-For: evil", line)
    }
    let named = try encode(input("Connection: \(value)"), facts: facts)
    let plain = try encode(input("X-Forwarded-Host: evil"), facts: facts)
    #expect(named.lines == plain.lines)
    #expect(named["HTTP_HOST"] == "a.test")
  }

  @Test func `what Connection names is dropped, in every spelling`() throws {
    let encoded = try encode(
      get(
        "Connection: X-A", "x-a: evil", "X-A: evil", "X-AB: kept", "Connection: close,x-B",
        "X-B: evil"))
    #expect(!encoded.lines.contains { $0.contains("evil") })
    #expect(encoded["HTTP_X_AB"] == "kept")
  }

  @Test func `repeated fields are one variable, in order`() throws {
    let encoded = try encode(
      get("Accept: a", "Cookie: x=1", "ACCEPT: b", "cookie: y=2", "accept:", "Cookie: z=3"))
    #expect(encoded["HTTP_ACCEPT"] == "a, b, ")
    #expect(encoded["HTTP_COOKIE"] == "x=1; y=2; z=3")
    #expect(Set(encoded.keys).count == encoded.keys.count)
  }

  @Test func `bytes of a value arrive as they were sent`() throws {
    let encoded = try encode(get("X-A: \u{e9}\u{ff}\"\t,;", target: "/%ff%0d%0a"))
    #expect(encoded["HTTP_X_A"] == "\u{e9}\u{ff}\"\t,;")
    #expect(encoded["PATH_INFO"] == "/\u{ff}\r\n")
  }

  @Test func `a length is told only where there is a body`() throws {
    #expect(!(try encode(get()).keys.contains("CONTENT_LENGTH")))
    var facts = exampleFacts()
    facts.bodyLength = 11
    #expect(try encode(post("Transfer-Encoding: chunked"), facts: facts)["CONTENT_LENGTH"] == "11")
  }

  @Test func `a block at 65535 bytes passes, one more is 431`() throws {
    let rest = try encode(get("X: ")).packet.count - 4
    let fits = 65_535 - rest
    let value = String(repeating: "v", count: fits)
    let encoded = try encode(get("X: \(value)"))
    #expect(encoded.packet.count == 65_539)
    #expect(encoded["HTTP_X"] == value)
    let refused = try encode(get("X: \(value)v"))
    #expect(refused.refusal == .blockTooLarge(bytes: 65_536, limit: 65_535))
    #expect(refused.refusal?.status == 431)
    let huge = try encode(get(target: "/" + String(repeating: "p", count: 100_000)))
    #expect(huge.refusal?.limit?.sent ?? 0 > 200_000)
  }

  @Test func `more than 128 variables are 431`() throws {
    let own = try encode(get(host: nil)).keys.count
    func fields(_ count: Int) -> String {
      "GET / HTTP/1.1\r\n" + (0..<count).map { "X-\($0): v\r\n" }.joined() + "\r\n"
    }
    #expect(try encode(fields(128 - own)).keys.count == 128)
    #expect(
      try encode(fields(129 - own)).refusal == .tooManyVariables(count: 129, limit: 128))
    #expect(HTTPError.tooManyVariables(count: 129, limit: 128).status == 431)
    #expect(own + HeadLimits().fields <= 128 + 1)
  }
}
