import EventLoop
import Testing

@testable import EdgeProxy

@Suite("What a server says of the fleet's addresses")
struct NamesReportTests {
  private static let text = #"""
    {"zone":"fleet.example.org","servers":[
      {"node":"edge-1","number":1,"port":443,"addresses":[
        {"address":"192.0.2.1","state":"living","since":null,"seen_by":["edge-1","edge-2"],
         "answered":true,"later":1}]},
      {"node":"edge-2\u001b[2J","number":2,"port":8443,"addresses":[
        {"address":"192.0.2.2","state":"away","since":"2026-12-01T00:00:00Z","seen_by":[],
         "failed_by":["edge-1"],"answered":false},
        {"address":"nonsense","state":"returning","seen_by":["edge-1"],"answered":false}]},
      {"node":"edge-0","number":0,"port":443,"addresses":[]}],
     "living":["192.0.2.1"],"trouble":"etcd is away"}
    """#

  @Test func `each address is one line`() throws {
    let report = try NamesReport(json: Self.text)
    #expect(
      NamesText.table(report) == """
        fleet.example.org: 1 of 3 addresses are answered
        note: etcd is away
        ns1  edge-1      192.0.2.1  living     answered                              seen by edge-1 edge-2
        ns2  edge-2 [2J  192.0.2.2  away       left out  since 2026-12-01T00:00:00Z  not by edge-1
        ns2  edge-2 [2J  nonsense   returning  left out                              seen by edge-1

        """)
    #expect(!report.isWell)
  }

  @Test func `its servers are those to ask, but for what is no server`() throws {
    let report = try NamesReport(json: Self.text)
    #expect(report.known.map(\.number) == [1, 2])
    #expect(report.known[1].port == 8443)
    #expect(report.known[1].addresses == [FleetFixture.address("192.0.2.2")])
  }

  @Test func `all is well where every address lives and is answered`() throws {
    func report(_ state: String, _ answered: Bool) throws -> NamesReport {
      try NamesReport(
        json: #"{"zone":"z","servers":[{"node":"a","number":1,"port":1,"addresses":[{"address":"#
          + #""192.0.2.1","state":"\#(state)","seen_by":[],"answered":\#(answered)}]}],"living":[]}"#
      )
    }
    #expect(try report("living", true).isWell)
    #expect(try !report("away", true).isWell)
    #expect(try !report("living", false).isWell)
  }

  @Test(arguments: ["", "[]", #"{"zone":1}"#, "<html>"])
  func `what is none is said`(_ text: String) {
    #expect(throws: NamesReport.Unreadable.self) { try NamesReport(json: text) }
  }

  @Test func `a server tells what a command reads`() throws {
    func report(
      _ address: String, _ state: LivingAddresses.State, _ isAnswered: Bool
    ) -> AddressReport {
      AddressReport(
        address: FleetFixture.address(address), servers: [], state: state, since: 1_796_083_200,
        isAnswered: isAnswered, witnesses: (["edge-1"], ["edge-3"]))
    }
    let section = NamesSection(
      servers: FleetFixture.fleet.servers,
      addresses: [
        report("192.0.2.1", .living, true),
        report("192.0.2.2", .away(since: Instant(nanoseconds: 0)), false),
      ], isKnown: true, trouble: nil, changes: (0, 0))
    let document = section.document(zone: FleetFixture.zone).json()
    let read = try NamesReport(json: String(decoding: document, as: UTF8.self))
    #expect(read.zone == "fleet.example.org" && read.living == ["192.0.2.1"])
    #expect(read.trouble == nil && read.known == FleetFixture.fleet.servers)
    #expect(
      read.servers[1].addresses == [
        NamesReport.Address(
          address: "192.0.2.2", state: "away", since: "2026-12-01T00:00:00Z", seenBy: ["edge-1"],
          failedBy: ["edge-3"], isAnswered: false),
        // Nothing is known of it yet.
        NamesReport.Address(
          address: "2001:db8::2", state: "unknown", since: nil, seenBy: [], failedBy: [],
          isAnswered: false),
      ])
    let keeping = try NamesReport(
      json: String(decoding: section.document(zone: nil).json(), as: UTF8.self))
    #expect(keeping.zone == nil)
    #expect(NamesText.table(keeping).hasPrefix("1 of 3 addresses are answered\n"))
  }
}
