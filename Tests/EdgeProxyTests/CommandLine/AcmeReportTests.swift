import EventLoop
import Testing

@testable import EdgeProxy

@Suite("What a server says about certificates that it orders")
struct AcmeReportTests {
  /// 2026-12-01T00:00:00Z.
  private static let now: Int64 = 1_796_083_200

  private static let text = #"""
    {"holder":"edge-2","issues_here":false,"reason":null,
     "accounts":[{"issuer":"letsencrypt","url":"https://ca.test/acct/1"},{"issuer":"zerossl","url":null}],
     "account_outcome":null,"refused_records":[{"record":"orders/x","reason":"no JSON"}],
     "certificates":[
      {"name":"shop.example.com","names":["shop.example.com","www.shop.example.com"],"key":"ecdsa",
       "state":"served","issuer":"letsencrypt","expires":1803859200,"next":1801267200,
       "why":"the issuer says so","attempts":0,"last_failure":null,"asked":false,"outcome":null},
      {"name":"_wildcard.example.org","names":["*.example.org"],"key":"rsa","state":"waiting",
       "issuer":"letsencrypt","expires":null,"next":1796090400,"why":"","attempts":3,"asked":false,
       "last_failure":{"at":1796079600,"issuer":"letsencrypt","problem":"dns: no TXT\u001b[2J record"},
       "outcome":{"request":"1-2","at":1,"done":false,"text":"x"},"later":1},
      {"name":"a.test","names":["a.test"],"key":"ecdsa","state":"ordering","issuer":"staging",
       "expires":1796000000,"next":0,"why":"polling","attempts":0}]}
    """#

  @Test func `each certificate is one line`() throws {
    let table = AcmeText.table(try AcmeReport(json: Self.text), now: Self.now)
    let shop =
      "shop.example.com  shop.example.com www.shop.example.com  ecdsa"
      + "  until 2027-03-01T00:00:00Z (90 days) from letsencrypt"
      + "  renewal 2027-01-30T00:00:00Z (in 60 days): the issuer says so"
    let wildcard =
      "_wildcard.example.org  *.example.org  rsa  none yet  next attempt 2026-12-01T02:00:00Z (in 2 hours)"
      + "  3 attempts failed, the last at letsencrypt on 2026-11-30T23:00:00Z: dns: no TXT [2J record"
    let ordered =
      "a.test  a.test  ecdsa  ended at 2026-11-30T00:53:20Z from staging  being ordered: polling"
    let refused = "the record acme/orders/x cannot be read: no JSON"
    let lines = ["edge-2 orders certificates", shop, wildcard, ordered, refused]
    #expect(table == lines.map { $0 + "\n" }.joined())
  }

  /// A report with these members and nothing else.
  private static func report(_ members: String) throws -> AcmeReport {
    try AcmeReport(json: #"{"accounts":[],"refused_records":[],\#(members)}"#)
  }

  @Test(arguments: [
    (#""holder":"edge-1","issues_here":true"#, "this server orders certificates"),
    (#""holder":"edge-1","issues_here":false"#, "edge-1 orders certificates"),
    (#""holder":null,"issues_here":false"#, "no server orders certificates yet"),
  ])
  func `the first line says who orders`(_ members: String, _ line: String) throws {
    let report = try Self.report(members + #","certificates":[]"#)
    #expect(AcmeText.table(report, now: Self.now) == line + "\n")
    #expect(!report.hasFailed)
    #expect(AcmeText.accounts(report) == "no account yet: it is made with the first order\n")
  }

  @Test func `a reason why nothing is ordered is the first line`() throws {
    let report = try Self.report(
      #""holder":null,"issues_here":false,"reason":"etcd is away","certificates":[]"#)
    #expect(
      AcmeText.table(report, now: Self.now) == "no certificate can be ordered: etcd is away\n")
    #expect(report.hasFailed)
  }

  @Test func `a record that cannot be read is a failure`() throws {
    let report = try AcmeReport(
      json: #"{"accounts":[],"refused_records":[{"record":"accounts/1","reason":"closed"}],"#
        + #""holder":"edge-1","issues_here":false,"certificates":[]}"#)
    #expect(report.hasFailed)
  }

  @Test func `each account is one line`() throws {
    #expect(
      AcmeText.accounts(try AcmeReport(json: Self.text))
        == "letsencrypt  https://ca.test/acct/1\nzerossl  none yet: it is made with the first order\n"
    )
  }

  @Test(arguments: [
    "", "{}", "[]", #"{"issues_here":1,"accounts":[],"refused_records":[],"certificates":[]}"#,
    #"{"issues_here":true,"accounts":[],"refused_records":[],"certificates":[{}]}"#,
    #"{"issues_here":true,"accounts":[],"refused_records":[],"certificates":null}"#, "not JSON\n",
  ])
  func `what is no report is an error`(_ text: String) {
    #expect(throws: AcmeReport.Unreadable.self) { try AcmeReport(json: text) }
  }

  @Test func `times at the ends of what a number can be are lines too`() throws {
    for time in [Int64.min, -1, 0, Int64.max] {
      let report = try Self.report(
        #"""
        "issues_here":true,"certificates":[{"name":"a","names":["a"],"key":"rsa","state":"served",
         "expires":\#(time),"next":\#(time),"attempts":\#(time),
         "last_failure":{"at":\#(time),"problem":"p"}}]
        """#)
      #expect(AcmeText.table(report, now: Self.now).split(separator: "\n").count == 2)
      #expect(AcmeText.table(report, now: Int64.min).split(separator: "\n").count == 2)
    }
  }
}

@Suite("Waiting for what a command about certificates comes to")
struct AcmeWaitingTests {
  private let start = Instant(nanoseconds: 1_000_000_000)

  /// A report about `a.test`; `outcome` is the request of the last command, and whether it was done.
  private func report(
    _ state: String, why: String = "", outcome: (request: String, done: Bool)? = nil
  ) throws -> AcmeReport {
    let last = outcome.map { #"{"request":"\#($0.request)","done":\#($0.done),"text":"it\nis"}"# }
    return try AcmeReport(
      json: #"""
        {"issues_here":true,"accounts":[],"refused_records":[],"account_outcome":\#(last ?? "null"),
         "certificates":[{"name":"a.test","names":["a.test"],"key":"ecdsa","state":"\#(state)",
         "why":"\#(why)","attempts":1,"outcome":\#(last ?? "null")}]}
        """#)
  }

  private func waiting(_ reply: String, isAboutAccounts: Bool = false) throws -> AcmeWaiting {
    try #require(
      AcmeWaiting(
        reply: reply, isAboutAccounts: isAboutAccounts, since: start, limit: .minutes(15)))
  }

  @Test func `each step is told once, and the outcome is the end`() throws {
    var waiting = try waiting("17-4 a.test\n")
    var lines: [String] = []
    for (state, why) in [
      ("served", "old"), ("ordering", "asking"), ("ordering", "asking"), ("ordering", "polling"),
    ] {
      let step = waiting.look(
        at: try report(state, why: why, outcome: ("16-9", false)), now: start)
      lines += step.lines
      #expect(step.end == nil)
    }
    #expect(
      lines == [
        "a.test waits for its turn", "a.test is being ordered: asking",
        "a.test is being ordered: polling",
      ])
    let last = waiting.look(at: try report("served", outcome: ("17-4", true)), now: start)
    #expect(last.lines == ["a.test: it is"])
    #expect(last.end == .done)
  }

  @Test func `what could not be done is a failure`() throws {
    var waiting = try waiting("17-4 a.test")
    let last = waiting.look(at: try report("served", outcome: ("17-4", false)), now: start)
    #expect(last.end == .failed)
  }

  @Test func `all certificates are waited for, and one that is gone has failed`() throws {
    var waiting = try waiting("17-4 a.test b.test")
    let first = waiting.look(at: try report("ordering"), now: start)
    #expect(first.lines.last == "b.test: it is no certificate of the configuration any more")
    #expect(first.end == nil)
    let last = waiting.look(at: try report("served", outcome: ("17-4", true)), now: start)
    #expect(last.lines == ["a.test: it is"])
    #expect(last.end == .failed)
  }

  @Test func `a command about accounts ends with their outcome`() throws {
    var waiting = try waiting("17-5 @account", isAboutAccounts: true)
    #expect(waiting.look(at: try report("due", outcome: ("17-4", true)), now: start).end == nil)
    let last = waiting.look(at: try report("due", outcome: ("17-5", true)), now: start)
    #expect(last.lines == ["it is"])
    #expect(last.end == .done)
  }

  @Test func `a command that the server does not end is left to it after a while`() throws {
    var waiting = try waiting("17-4 a.test")
    let report = try report("ordering")
    #expect(waiting.look(at: report, now: start + .minutes(14)).end == nil)
    let last = waiting.look(at: report, now: start + .minutes(15))
    #expect(last.end == .failed)
    #expect(
      last.lines == ["not done within 15m, and it goes on: see 'edgeproxy acme status'"])
  }

  @Test(arguments: ["", "\n", "17-4"])
  func `a reply without a request and names is none`(_ reply: String) {
    #expect(AcmeWaiting(reply: reply, since: start, limit: .minutes(15)) == nil)
  }
}
