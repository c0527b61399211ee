import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy
@testable import Etcd

@Suite("Servers with one name")
struct NameRivalsTests {
  private var rivals = NameRivals(prefix: "/e/", node: "edge", identity: "aa")
  private let begun = Instant(nanoseconds: 0)

  private func pair(_ key: String, _ value: String) -> KeyValue {
    KeyValue(key: octets(key), value: octets(value))
  }

  private mutating func put(
    _ key: String, _ value: String = "1 10.0.0.2", after: Duration = .zero
  ) {
    rivals.apply(Changes(put: [pair(key, value)]), now: begun + after)
  }

  @Test mutating func `a server that stays is told, with its addresses`() {
    put("/e/names/edge/bb", "1 10.0.0.2 fd00::2")
    #expect(rivals.places(now: begun + .seconds(10)) == [])
    #expect(rivals.places(now: begun + .seconds(11)) == ["10.0.0.2 fd00::2"])
  }

  @Test mutating func `what a dead server left behind is gone before it would be told`() {
    #expect(NameRivals.timeToLive < NameRivals.lastsAfter)
    put("/e/names/edge/bb")
    rivals.apply(Changes(removed: [octets("/e/names/edge/bb")]), now: begun + .seconds(10))
    #expect(rivals.places(now: begun + .seconds(60)) == [])
  }

  @Test mutating func `a server that writes again is as old as before`() {
    put("/e/names/edge/bb")
    put("/e/names/edge/bb", "1 10.0.0.3", after: .seconds(8))
    #expect(rivals.places(now: begun + .seconds(11)) == ["10.0.0.3"])
  }

  @Test mutating func `its own key and those of longer names are not of a rival`() {
    put("/e/names/edge/aa")
    put("/e/names/edge/2/bb")
    #expect(rivals.places(now: begun + .seconds(60)) == [])
  }

  @Test(arguments: ["", "2 10.0.0.2", "1", "1 \u{7}", "1 \n"])
  mutating func `a value of another form has an unknown address`(_ value: String) {
    put("/e/names/edge/bb", value)
    #expect(rivals.places(now: begun + .seconds(11)) == ["an unknown address"])
  }

  @Test mutating func `many keys that somebody wrote are not all kept`() {
    for number in 0..<500 { put("/e/names/edge/\(number)") }
    #expect(rivals.places(now: begun + .seconds(11)).count == 100)
  }
}

@Suite("The identity of a server")
struct ServerIdentityTests {
  @Test func `it stays with the state directory while the machine runs`() throws {
    let state = try TemporaryDirectory()
    #expect(ServerIdentity.read(state: state.path) == nil)
    let identity = ServerIdentity.make(state: state.path)
    #expect(ServerIdentity.make(state: state.path) == identity)
    #expect(ServerIdentity.read(state: state.path) == identity)
    #expect(identity.utf8.count == 16)
  }

  @Test func `a state directory that is not there yet is made`() throws {
    let parent = try TemporaryDirectory()
    let state = parent.path + "/state"
    let identity = ServerIdentity.make(state: state)
    #expect(ServerIdentity.read(state: state) == identity)
  }

  @Test func `two servers have two`() throws {
    let states = [try TemporaryDirectory(), try TemporaryDirectory()]
    let identities = states.map { ServerIdentity.make(state: $0.path) }
    #expect(identities[0] != identities[1])
  }

  @Test func `a machine made from the image of another, with its state, has another one`() throws {
    let state = try TemporaryDirectory()
    let identity = ServerIdentity.make(state: state.path, boot: "one")
    #expect(ServerIdentity.make(state: state.path, boot: "two") != identity)
  }

  @Test func `without a state directory there is one all the same`() {
    #expect(ServerIdentity.make(state: "/proc/none").utf8.count == 16)
  }
}
