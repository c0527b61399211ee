import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("An order as etcd has it")
struct OrderTests {
  private static let order = Order(
    state: .disabled, at: 1_764_535_200, server: "edge1", user: "root", until: nil,
    reason: "disk swap, 50% done / rack 2")

  @Test func `is read as it was written`() throws {
    #expect(
      text(Self.order.value.span)
        == "1 state=disabled at=1764535200 server=edge1 by=root"
        + " reason=disk%20swap,%2050%25%20done%20%2F%20rack%202")
    #expect(try Order(value: Self.order.value) == Self.order)
    var ending = Self.order
    (ending.until, ending.reason, ending.state) = (1_764_535_800, "", .paused)
    #expect(try Order(value: ending.value) == ending)
  }

  @Test func `may have words of later versions`() throws {
    #expect(try Order(value: Self.order.value + octets(" colour=red")) == Self.order)
  }

  @Test(arguments: [
    ("", "its form is none of version 1"),
    ("2 state=disabled at=1 server=a by=b", "its form is none of version 1"),
    ("1 state=off at=1 server=a by=b", "'state' is not disabled, draining, maintenance or paused"),
    ("1 at=1 server=a by=b", "'state' is not disabled, draining, maintenance or paused"),
    ("1 state=paused at=x server=a by=b", "'at' is no time"),
    ("1 state=paused at=-1 server=a by=b", "'at' is no time"),
    ("1 state=paused at=253402300800 server=a by=b", "'at' is no time"),
    ("1 state=paused at=99999999999999999999 server=a by=b", "'at' is no time"),
    ("1 state=paused at=1 server=a%20b by=b", "'server' is no name of a server"),
    ("1 state=paused at=1 server=a", "'by' is no name of a user"),
    ("1 state=paused at=1 server=a by=", "'by' is no name of a user"),
    ("1 state=paused at=1 server=a by=%1B[2J", "'by' is no name of a user"),
    ("1 state=paused at=1 server=a by=b until=soon", "'until' is no time"),
    ("1 state=paused at=1 server=a by=b reason=%0A", "'reason' cannot be shown"),
    ("1 state=paused at=1 server=a by=b reason=%f", "'reason=%f' is no 'name=value'"),
    ("1 state=paused at=1 server=a by=b reason=%+1", "'reason=%+1' is no 'name=value'"),
    ("1 state=paused at=1 server=a by=b reason=%FF", "'reason=%FF' is no 'name=value'"),
    ("1 disabled", "'disabled' is no 'name=value'"), ("1  state=paused", "'' is no 'name=value'"),
  ])
  func `is refused with the reason`(_ value: String, _ reason: String) {
    #expect(throws: OrderRefusal(reason)) { try Order(value: octets(value)) }
  }

  @Test func `is bounded, and text`() {
    let long = Self.order.value + octets(" x=" + String(repeating: "x", count: 4096))
    #expect(throws: OrderRefusal("it is too long")) { try Order(value: long) }
    #expect(throws: OrderRefusal("it is no text")) { try Order(value: [0xFF]) }
    let reason = String(repeating: "x", count: Order.reasonMax + 1)
    #expect(!Order.isReason(reason) && Order.isReason(String(reason.dropFirst())))
  }
}

@Suite("What an order is about")
struct OrderSubjectTests {
  @Test(arguments: [
    ("nodes/10.0.0.5:3031", "10.0.0.5:3031"),
    ("nodes/[2001:db8::1]:80", "[2001:db8::1]:80"),
    ("nodes/edge1%2F127.0.0.1:3000", "edge1/127.0.0.1:3000"),
    ("nodes/edge1%2Funix:%2Frun%2Fapp.sock", "edge1/unix:/run/app.sock"),
    ("hosts/example.org", "example.org"), ("hosts/*.example.org", "*.example.org"),
    ("hosts/*", "*"),
  ])
  func `has one key and one text`(_ name: String, _ text: String) throws {
    let subject = try OrderSubject(name: name[...])
    #expect("\(subject)" == text && subject.name == name)
  }

  @Test(arguments: [
    "", "nodes/", "nodes/x", "nodes/127.0.0.1:3000", "nodes/edge1%2F10.0.0.5:3031",
    "nodes/unix:%2Frun%2Fapp.sock", "nodes/10.0.0.5:03031", "nodes/a%20b%2F127.0.0.1:3000",
    "nodes/%", "nodes/[2001:DB8::1]:80", "hosts/", "hosts/Example.org", "hosts/example.org.",
    "hosts/*.", "hosts/**", "hosts/a b", "certs/a", "hosts/\u{1b}",
  ])
  func `has no other`(_ name: String) {
    #expect(throws: OrderRefusal.self) { try OrderSubject(name: name[...]) }
  }

  @Test func `is the same node for the server that has it and for the others`() throws {
    let local = try #require(SocketAddress("127.0.0.1:3000"))
    let far = try #require(SocketAddress("10.0.0.5:3000"))
    let own = NodeReference(local, on: nil, own: "edge1")
    #expect(own == NodeReference(local, on: "edge1", own: "edge2"))
    #expect(own != NodeReference(local, on: nil, own: "edge2"))
    #expect(NodeReference(far, on: nil, own: "edge1") == NodeReference(far, on: nil, own: "edge2"))
  }
}
