import Testing

@testable import Configuration

@Suite("The text of log.format")
struct LogFormatTests {
  private func pieces(_ format: String) throws -> [LogPiece] { try LogFormat.pieces(of: format) }

  private func text(_ text: String) -> LogPiece { .text(Array(text.utf8)) }

  @Test func `fields stand in braces, and know whether they are quoted`() throws {
    #expect(
      try pieces(#"{client} "{request}" {header:X-Forwarded-For}"#) == [
        .field(.client, isQuoted: false), text(" \""), .field(.request, isQuoted: true),
        text("\" "), .header(Array("x-forwarded-for".utf8), isQuoted: false),
      ])
  }

  @Test func `a brace is written twice, and a dollar or per cent sign alone is text`() throws {
    #expect(
      try pieces("{{{status}}} 5 % of $5 100%%x") == [
        text("{"), .field(.status, isQuoted: false), text("} 5 % of $5 100%x"),
      ])
  }

  @Test func `every field is found by its name`() throws {
    for field in LogField.allCases {
      #expect(try pieces("{\(field.rawValue)}") == [.field(field, isQuoted: false)])
    }
  }

  @Test(arguments: ["{client", "client} {status}", "{status} }", "{"])
  func `a brace that stands alone is a mistake`(format: String) {
    #expect(throws: LogFormat.Mistake.unclosed) { try pieces(format) }
  }

  @Test(arguments: [
    "Authorization", "cookie", "Proxy-Authorization", "Set-Cookie", "X-Api-Key", "X-Auth-Token",
    "X-CSRF-Token", "Client-Secret",
  ])
  func `a field that may be a secret is refused`(name: String) {
    #expect(throws: LogFormat.Mistake.secret(name)) { try pieces("{header:\(name)}") }
  }

  @Test(arguments: ["{header:}", "{header:a b}", "{header:x_y}", "{header:a:b}"])
  func `a name that no field has is refused`(format: String) {
    let name = String(format.dropFirst(8).dropLast())
    #expect(throws: LogFormat.Mistake.badHeader(name)) { try pieces(format) }
  }

  @Test(arguments: [
    ("statsu", "{status}"), ("remote_addr", "{client}"), ("http.request.uri", "{target}"),
    ("User-Agent", "{user_agent}"), ("latency", "{duration}"), ("byte_in", "{bytes_in}"),
    ("quux", nil),
  ])
  func `a field that is not there is told with what was meant`(name: String, meant: String?) {
    #expect(throws: LogFormat.Mistake.unknown(name, meant: meant)) { try pieces("{\(name)}") }
  }

  @Test(arguments: [
    ("$remote_addr", "{client}"), ("$time_local", "{time_apache}"),
    ("$request_time", "{duration}"), ("$sent_http_etag", nil), ("$http_authorization", nil),
    ("$http_x_forwarded_proto", "{header:X-Forwarded-Proto}"),
  ])
  func `variables of nginx are told what there is here`(name: String, meant: String?) {
    #expect(throws: LogFormat.Mistake.foreign(name, server: "nginx", meant: meant)) {
      try pieces("{client} [\(name)]")
    }
  }

  @Test(arguments: [
    ("%h", "{client}"), ("%>s", "{status}"), ("%{Referer}i", "{header:Referer}"),
    ("%{SSL_PROTOCOL}x", "{tls}"), ("%{Cookie}i", nil), ("%T", "{duration}"), ("%k", nil),
    ("%400,501{User-agent}i", "{user_agent}"),
  ])
  func `directives of Apache are told what there is here`(format: String, meant: String?) {
    #expect(throws: LogFormat.Mistake.foreign(format, server: "Apache", meant: meant)) {
      try pieces("{client} \"\(format)\"")
    }
  }

  @Test func `a text without a field is a mistake`() {
    #expect(throws: LogFormat.Mistake.noField) { try pieces("{{}}") }
  }
}

@Suite("Mistakes in log and traces")
struct LogMistakeTests {
  static let mistakes: [Mistake] = [
    Mistake(
      #"format: "{client} {stats}""#,
      "3:16: there is no field '{stats}' in 'format'; did you mean '{status}'?"),
    Mistake(
      #"format: "$remote_addr $request""#,
      "3:16: '$remote_addr' in 'format' is nginx's and means nothing here; here it is {client}"),
    Mistake(
      #"format: "{client} %D""#,
      "3:16: '%D' in 'format' is Apache's and means nothing here; here it is {total_us}"),
    Mistake(
      #"format: "{header:Cookie}""#,
      "3:16: '{header:Cookie}' in 'format' may be a secret, which no log must have"),
    Mistake(
      #"format: "{header:}""#,
      "3:16: '' in 'format' is no name of a field; it is {header:NAME}, such as"
        + " {header:Accept-Language}"),
    Mistake(
      #"format: "{client""#,
      "3:16: a '{' or '}' stands alone in 'format'; the character itself is {{ or }}"),
    Mistake(
      #"format: "{{x}}""#, "3:16: 'format' has no field, so that all lines would be the same"),
    Mistake(
      "format: jsno",
      "3:16: 'format' must be json, combined or a text with fields such as {client}, found 'jsno';"
        + " did you mean 'json'?"),
    Mistake(
      "format: {client}",
      "3:16: 'format' must be json, combined or a text with fields such as {client}, found a"
        + " mapping; a text that begins with '{' or '[' stands in quotation marks"),
    Mistake("health: maybe", "3:16: 'health' must be true or false, found 'maybe'"),
  ]

  @Test(arguments: mistakes) func `log`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + "log: { \(mistake.text) }\n")
  }

  @Test(arguments: [
    Mistake(
      "mode: mak", "3:17: 'mode' must be pass, make or off, found 'mak'; did you mean 'make'?"),
    Mistake(
      "trust: x",
      "3:11: unknown key 'trust' in traces; 'from: trusted' believes those that 'trusted' at the top"
        + " lists"),
    Mistake("from: us", "3:17: 'from' must be anyone or trusted, found 'us'"),
  ])
  func `traces`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + "traces: { \(mistake.text) }\n")
  }

  @Test func `what is left out has its default`() throws {
    let read = try ConfigurationFixture.configuration(ConfigurationFixture.valid)
    #expect(read.log.format == .json && read.log.health)
    #expect(read.traces == TraceSettings())
    let other = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid
        + "log: { format: \"{client}\", health: false }\n"
        + "traces: { mode: make, from: trusted, sampled: false }\n")
    #expect(other.log.format == .text([.field(.client, isQuoted: false)]) && !other.log.health)
    #expect(other.traces.mode == .make && other.traces.source == .trusted)
    #expect(!other.traces.isSampled)
  }
}
