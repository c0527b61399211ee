import Configuration
import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Where a command asks the name server of an address")
struct FleetSearchTests {
  private func place(_ text: String, listen: [String]) throws -> String? {
    var configuration = try Configuration(
      yaml: """
        listen: { https: ["127.0.0.1:8443"] }
        certificates: { directory: /c }
        upstreams: { a: { protocol: uwsgi, nodes: ["127.0.0.1:1"] } }
        routes: [{ host: a.test, upstream: a }]
        """)
    configuration.publicAddresses = ["192.0.2.1", "2001:db8::1"].map(FleetFixture.address)
    let settings = NameServiceSettings(
      zone: FleetFixture.zone, listen: listen.compactMap { SocketAddress($0) }, seconds: 10,
      returnAfter: .seconds(30), servers: [], answersPerSecond: nil, names: [])
    return FleetSearch(configuration, settings).place(of: FleetFixture.address(text))?.description
  }

  @Test func `this server is asked at the port where it listens`() throws {
    let listen = ["192.0.2.1:5353", "[2001:db8::1]:5354"]
    #expect(try place("192.0.2.1", listen: listen) == "192.0.2.1:5353")
    #expect(try place("2001:db8::1", listen: listen) == "[2001:db8::1]:5354")
  }

  @Test func `a listener of all addresses is that of each, the address's own before it`() throws {
    let listen = ["0.0.0.0:5353", "192.0.2.1:5354", "[::]:5355"]
    #expect(try place("192.0.2.1", listen: listen) == "192.0.2.1:5354")
    #expect(try place("2001:db8::1", listen: listen) == "[2001:db8::1]:5355")
    #expect(try place("192.0.2.1", listen: ["0.0.0.0:5353"]) == "192.0.2.1:5353")
  }

  @Test(arguments: [["192.0.2.1:5353"], ["0.0.0.0:5353"]])
  func `other servers are asked at port 53`(_ listen: [String]) throws {
    #expect(try place("192.0.2.2", listen: listen) == "192.0.2.2:53")
  }

  @Test(arguments: [["10.0.0.5:5353"], ["192.0.2.1:0"], ["[::]:5353"]])
  func `an address that nothing known listens at is asked at port 53`(_ listen: [String]) throws {
    #expect(try place("192.0.2.1", listen: listen) == "192.0.2.1:53")
  }
}
