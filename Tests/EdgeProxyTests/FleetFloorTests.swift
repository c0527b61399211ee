import Etcd
import Testing

@testable import EdgeProxy

@Suite("At most half of a fleet's ports are closed")
struct FleetFloorTests {
  private func key(_ name: String) -> [UInt8] { Array("/edgeproxy/ports/\(name)".utf8) }

  private func put(_ name: String, _ word: [UInt8], at revision: Int64) -> Changes {
    Changes(put: [KeyValue(key: key(name), value: word, modRevision: revision)])
  }

  /// A fleet whose servers said `open` one after the other.
  private func fleet(_ names: [String]) -> FleetFloor {
    var floor = FleetFloor()
    for (number, name) in names.enumerated() {
      floor.apply(put(name, FleetFloor.open, at: Int64(number + 1)))
    }
    return floor
  }

  private func permitted(_ floor: FleetFloor, _ names: [String]) -> [String] {
    names.filter { floor.permits(key($0)) == true }
  }

  @Test(arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
  func `no more than half may be closed when none can serve`(count: Int, most: Int) {
    let names = (0..<count).map { "edge-\($0)" }
    var floor = fleet(names)
    for (number, name) in names.enumerated() {
      floor.apply(put(name, FleetFloor.closing, at: Int64(100 + number)))
    }
    #expect(permitted(floor, names) == Array(names.prefix(most)))
  }

  @Test func `whoever asked first may close, whatever the order in which it is heard`() {
    let names = ["a", "b", "c"]
    var floor = fleet(names)
    floor.apply(put("c", FleetFloor.closing, at: 12))
    floor.apply(put("a", FleetFloor.closing, at: 11))
    #expect(permitted(floor, names) == ["a"])
  }

  @Test func `a server that did not ask is told nothing`() {
    #expect(fleet(["a", "b"]).permits(key("a")) == nil)
    #expect(fleet(["a", "b"]).permits(key("x")) == nil)
  }

  @Test func `when servers are lost the last that closed opens again`() {
    let names = ["a", "b", "c", "d"]
    var floor = fleet(names)
    floor.apply(put("a", FleetFloor.closing, at: 11))
    floor.apply(put("b", FleetFloor.closing, at: 12))
    #expect(permitted(floor, names) == ["a", "b"])
    floor.apply(Changes(removed: [key("d")]))
    #expect(permitted(floor, names) == ["a"])
    floor.apply(Changes(removed: [key("c"), key("b")]))
    #expect(permitted(floor, names) == [])
  }

  @Test func `the same word under a new lease keeps the place in the order`() {
    let names = ["a", "b", "c"]
    var floor = fleet(names)
    floor.apply(put("a", FleetFloor.closing, at: 11))
    floor.apply(put("b", FleetFloor.closing, at: 12))
    floor.apply(put("a", FleetFloor.closing, at: 20))
    #expect(permitted(floor, names) == ["a"])
  }

  @Test func `one that can serve again makes room for the next`() {
    let names = ["a", "b", "c"]
    var floor = fleet(names)
    floor.apply(put("a", FleetFloor.closing, at: 11))
    floor.apply(put("b", FleetFloor.closing, at: 12))
    floor.apply(put("a", FleetFloor.open, at: 13))
    #expect(permitted(floor, names) == ["b"])
  }

  /// What the others said of themselves: those named have closed ports.
  private func heard(_ names: [String], closed: [String]) -> [[UInt8]: Bool] {
    .init(uniqueKeysWithValues: names.map { (key($0), !closed.contains($0)) })
  }

  @Test(arguments: 1...7)
  func `when all have closed without etcd as many open again as must`(count: Int) {
    let names = (0..<count).map { "edge-\($0)" }
    let floor = fleet(names)
    func others(_ own: String, _ closed: [String]) -> [[UInt8]: Bool] {
      heard(names.filter { $0 != own }, closed: closed)
    }
    func stay(_ closed: [String]) -> [String] {
      closed.filter {
        floor.mightStayClosed(key($0), heard: others($0, closed), serversMin: 1)
      }
    }
    let first = stay(names)
    #expect(first == Array(names.prefix(count / 2)))
    // And then they stay as they are.
    #expect(stay(first) == first)
    for own in names where !first.contains(own) {
      #expect(!floor.mightPermit(key(own), heard: others(own, first), serversMin: 1))
    }
  }

  @Test func `without etcd one more may close while less than half are closed`() {
    func permits(_ own: String, closed: [String]) -> Bool {
      fleet([]).mightPermit(key(own), heard: heard(closed, closed: closed), serversMin: 5)
    }
    #expect(permits("e", closed: []))
    #expect(permits("e", closed: ["a"]))
    #expect(!permits("a", closed: ["d", "e"]))
  }

  @Test func `what a server says of itself is news to what etcd said last`() {
    let names = ["a", "b", "c", "d"]
    var floor = fleet(names)
    for name in names { floor.apply(put(name, FleetFloor.closing, at: 11)) }
    func permits(heardOpen: [String]) -> Bool {
      floor.mightPermit(key("d"), heard: heard(heardOpen, closed: []), serversMin: 1)
    }
    #expect(!permits(heardOpen: []))
    #expect(!permits(heardOpen: ["a"]))
    #expect(permits(heardOpen: ["a", "b"]))
    let closed = heard(["a", "b", "c"], closed: ["a", "c"])
    #expect(!fleet(names).mightPermit(key("d"), heard: closed, serversMin: 1))
  }

  @Test func `one that cannot ask goes by what it knew`() {
    var floor = fleet(["a", "b", "c"])
    func permits(_ floor: FleetFloor, _ name: String, serversMin: Int = 1) -> Bool {
      floor.mightPermit(key(name), heard: [:], serversMin: serversMin)
    }
    #expect(permits(floor, "a"))
    floor.apply(put("b", FleetFloor.closing, at: 11))
    #expect(!permits(floor, "a"))
    #expect(permits(floor, "b"))
    #expect(!permits(fleet(["a"]), "a"))
    #expect(!permits(fleet([]), "a"))
    // Servers of which nothing was heard count as open.
    #expect(permits(fleet([]), "a", serversMin: 2))
    #expect(permits(floor, "a", serversMin: 4))
    // Nobody asks one that is cut off to open again.
    #expect(floor.mightStayClosed(key("a"), heard: [:], serversMin: 1))
  }
}
