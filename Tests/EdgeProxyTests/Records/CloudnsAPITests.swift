import DNSCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("The API of ClouDNS: questions and answers")
struct CloudnsAPITests {
  private let zone = DNSName("example.org") ?? .root
  private static let list = """
    {"143":{"id":"143","type":"A","host":"*","record":"203.0.113.1","dynamicurl_status":0,
    "failover":"1","ttl":"60","status":1},
    "144":{"id":144,"type":"A","host":"","record":"203.0.113.2","failover":"0","ttl":"60",
    "status":"0"},
    "145":{"id":"145","type":"TXT","host":"_acme-challenge.A","record":"\\"x y\\""}}
    """

  @Test func `records are read, with numbers and texts in each other's place`() throws {
    let records = try CloudnsAPI.records(Array(Self.list.utf8)).sorted { $0.id < $1.id }
    #expect(
      records == [
        CloudnsAPI.Record(
          id: "143", type: "A", host: "*", value: "203.0.113.1", isActive: true, hasCheck: true),
        CloudnsAPI.Record(
          id: "144", type: "A", host: "", value: "203.0.113.2", isActive: false, hasCheck: false),
        CloudnsAPI.Record(
          id: "145", type: "TXT", host: "_acme-challenge.a", value: "x y", isActive: true,
          hasCheck: false),
      ])
    #expect(try CloudnsAPI.records(octets("[]")) == [])
  }

  @Test func `a refusal is told in the words of ClouDNS, on one line`() {
    let body = octets(#"{"status":"Failed","statusDescription":"Missing\n domain-name"}"#)
    let fault = CloudnsAPI.Fault.refused("Missing  domain-name")
    #expect(throws: fault) { try CloudnsAPI.records(body) }
    #expect(throws: fault) { try CloudnsAPI.outcome(body) }
    #expect(throws: fault) { try CloudnsAPI.isUpdated(body) }
    #expect(throws: Never.self) {
      try CloudnsAPI.outcome(octets(#"{"status":"Success","statusDescription":"Done."}"#))
    }
    let long = #"{"status":"Failed","statusDescription":"\#(String(repeating: "x", count: 5000))"}"#
    #expect(throws: CloudnsAPI.Fault.refused(String(repeating: "x", count: 300))) {
      try CloudnsAPI.outcome(Array(long.utf8))
    }
  }

  @Test(arguments: [
    "", "<html>", "7", "{", #"{"1":{}}"#, #"{"1":{"id":"1","type":"A","host":"x"}}"#,
    #"{"status":"Success"}"#, #"["a"]"#,
  ])
  func `what is no list of records is told, and is not taken for an empty one`(_ text: String) {
    #expect {
      try CloudnsAPI.records(Array(text.utf8))
    } throws: { error in
      if case CloudnsAPI.Fault.malformed = error { true } else { false }
    }
  }

  @Test func `an answer that is neither a success nor a failure is no success`() {
    for text in ["{}", "[]", "true", #"{"status":1}"#] {
      #expect(throws: CloudnsAPI.Fault.self) { try CloudnsAPI.outcome(Array(text.utf8)) }
    }
  }

  @Test func `beginnings of answers, and deep ones, end nothing`() {
    let whole = Array(Self.list.utf8)
    for count in 0..<whole.count {
      #expect(throws: CloudnsAPI.Fault.self) { try CloudnsAPI.records(Array(whole[..<count])) }
    }
    for deep in ["[", #"{"a":"#] {
      let body = Array(String(repeating: deep, count: 100_000).utf8)
      #expect(throws: CloudnsAPI.Fault.self) { try CloudnsAPI.records(body) }
    }
  }

  @Test func `all servers have the zone, or not all`() throws {
    let one = #"{"server":"ns1","ip4":"192.0.2.1","ip6":"::1","updated":true}"#
    #expect(try CloudnsAPI.isUpdated(Array("[\(one),\(one)]".utf8)))
    let late = one.replacing("true", with: "false")
    #expect(try !CloudnsAPI.isUpdated(Array("[\(one),\(late)]".utf8)))
  }

  @Test(
    arguments: [
      ("*.example.org", "*"), ("example.org", ""),
      ("_acme-challenge.A.Example.ORG", "_acme-challenge.a"),
      ("example.com", nil), ("org", nil),
    ] as [(String, String?)])
  func `names are relative to the zone`(_ name: String, _ host: String?) throws {
    #expect(CloudnsAPI.host(of: try #require(DNSName(name)), in: zone) == host)
  }

  @Test func `a form is encoded, also what would begin another parameter`() {
    #expect(
      CloudnsAPI.form([("auth-password", "a&b=c d%é\n"), ("host", "*.~-_")])
        == "auth-password=a%26b%3Dc%20d%25%C3%A9%0A&host=%2A.~-_")
    #expect(
      CloudnsAPI.add("203.0.113.1", of: .ipv4, host: "*", in: zone, seconds: 60).form
        == "domain-name=example.org&record-type=A&host=%2A&record=203.0.113.1&ttl=60")
    let check = CloudnsAPI.check("143", of: "203.0.113.1", port: 443, in: zone)
    #expect(check.path == "/dns/failover-activate.json")
    #expect(
      check.form
        == "domain-name=example.org&record-id=143&check_type=8&port=443&open_port=1"
        + "&down_event_handler=1&up_event_handler=1&main_ip=203.0.113.1&check_period=60"
        + "&notification_mail=-1")
  }
}
