import EventLoop
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Which addresses of the fleet live")
struct LivingAddressesTests {
  @Test func `a server that loses power is left out, whatever its key in etcd says`() {
    var fleet = SeenFleet(5)
    fleet.losePower("d")
    fleet.look()
    #expect(fleet.answered == "abce")
    #expect(fleet.evidence.sights["d"]?.isOpen == true)
  }

  @Test(arguments: [
    // Who cannot connect to d, and whether d is there all the same.
    ("a", true), ("bce", true), ("ab", true), ("abc", true), ("abce", false),
  ])
  func `an address stays while its server is in etcd and somebody connects to it`(
    accusers: String, stays: Bool
  ) {
    var fleet = SeenFleet(5)
    fleet.accuse("d", by: accusers)
    fleet.look()
    #expect(fleet.answered == (stays ? "abcde" : "abce"))
  }

  @Test(arguments: [("a", true), ("ab", true), ("abc", false), ("abce", false)])
  func `an address whose server is not in etcd stays while two connect to it`(
    accusers: String, stays: Bool
  ) {
    var fleet = SeenFleet(5)
    fleet.evidence.sights["d"] = nil
    fleet.accuse("d", by: accusers)
    fleet.look()
    #expect(fleet.answered == (stays ? "abcde" : "abce"))
  }

  @Test func `a server that says that its port is closed is left out at once`() {
    var fleet = SeenFleet(5)
    fleet.evidence.sights["d"]?.isOpen = false
    fleet.look()
    #expect(fleet.answered == "abce")
  }

  @Test func `this server leaves itself out while its port is closed`() {
    var fleet = SeenFleet(5)
    fleet.evidence.isOpen = false
    fleet.look()
    #expect(fleet.answered == "bcde")
  }

  @Test func `this server leaves itself out when none of the others connects to it`() {
    var fleet = SeenFleet(5)
    fleet.accuse("a", by: "bcd")
    fleet.look()
    #expect(fleet.answered == "abcde")
    fleet.accuse("a", by: "e")
    fleet.look()
    #expect(fleet.answered == "bcde")
  }

  @Test func `since when an address is as it is is told the same until it changes`() {
    var fleet = SeenFleet(3)
    let address = SeenFleet.address(3)
    func time(after passed: Duration, at wallTime: Int64) -> Int64? {
      fleet.living.time(address, now: fleet.now + passed, wallTime: wallTime)
    }
    #expect(time(after: .milliseconds(900), at: 1000) == 1000)
    // A second is over here, and none on the wall.
    #expect(time(after: .milliseconds(1100), at: 1000) == 1000)
    // And somebody sets the clock.
    #expect(time(after: .seconds(60), at: 5000) == 1000)
    fleet.losePower("c")
    fleet.look()
    #expect(time(after: .seconds(2), at: 5002) == 5000)
    #expect(fleet.living.time(SeenFleet.address(9), now: fleet.now, wallTime: 5000) == nil)
  }

  @Test func `etcd that is away removes nobody`() {
    var fleet = SeenFleet(5)
    fleet.evidence.sights = [:]
    fleet.look()
    #expect(fleet.answered == "abcde")
  }

  @Test func `without etcd this server's own probes decide`() {
    var fleet = SeenFleet(5)
    fleet.evidence.sights = [:]
    fleet.accuse("d", by: "a")
    fleet.look()
    #expect(fleet.answered == "abce")
  }

  @Test func `the last word of a dead server does not keep another dead one`() {
    var fleet = SeenFleet(6)
    // Both are gone, and each still says that it connects to the other.
    fleet.losePower("de")
    fleet.look()
    #expect(fleet.answered == "abcf")
  }

  @Test func `what nobody has a way to try stays as it was`() {
    var fleet = SeenFleet(5)
    let address = SeenFleet.address(4)
    fleet.evidence.views[address] = .cannotSay
    for node in ["b", "c", "e"] { fleet.evidence.sights[node]?.unsure = [address] }
    fleet.evidence.sights["d"] = nil
    fleet.look()
    #expect(fleet.answered == "abcde")
    // One that can say so decides.
    fleet.evidence.sights["b"]?.unsure = []
    fleet.evidence.sights["b"]?.fails = [address]
    fleet.look()
    #expect(fleet.answered == "abce")
  }

  @Test func `a server without IPv6 has no say about it`() {
    var fleet = SeenFleet(3)
    let six = IPAddress(high: 0x2001_0db8_0000_0000, low: 1)
    fleet.evidence.servers[2].addresses.append(six)
    fleet.evidence.servers[1].addresses.append(IPAddress(high: six.high, low: 2))
    fleet.evidence.sights["b"]?.blind = [.ipv6]
    fleet.living = LivingAddresses(returnAfter: .seconds(30))
    _ = fleet.living.update(fleet.evidence, isStart: true, now: fleet.now)
    let electorate = Electorate(fleet.evidence)
    #expect(electorate.votes(six) == (0, 0))
    #expect(electorate.verdict(six) == .connected)
    #expect(fleet.living.answer.count == 5)
  }

  // MARK: Coming back

  @Test func `an address is answered again after thirty seconds of health`() {
    var fleet = SeenFleet(5)
    fleet.losePower("d")
    fleet.look()
    fleet.comeBack("d")
    fleet.look(after: .seconds(100))
    #expect(fleet.living.state(SeenFleet.address(4)) == .returning(since: fleet.now))
    fleet.look(after: .milliseconds(29_999))
    #expect(fleet.answered == "abce")
    fleet.look(after: .milliseconds(1))
    #expect(fleet.answered == "abcde")
  }

  @Test func `a break begins the thirty seconds anew`() {
    var fleet = SeenFleet(5)
    fleet.losePower("d")
    fleet.look()
    fleet.comeBack("d")
    fleet.look()
    fleet.evidence.sights["d"]?.isOpen = false
    fleet.look(after: .seconds(29))
    fleet.comeBack("d")
    fleet.look(after: .seconds(1))
    fleet.look(after: .seconds(29))
    #expect(fleet.answered == "abce")
    fleet.look(after: .seconds(1))
    #expect(fleet.answered == "abcde")
  }

  @Test func `an address that is lost again and again has to be well for longer each time`() {
    var fleet = SeenFleet(5)
    var waits: [Int] = []
    for _ in 0..<8 {
      fleet.losePower("d")
      fleet.look()
      fleet.comeBack("d")
      fleet.look()
      let begun = fleet.now
      while fleet.answered == "abce" { fleet.look(after: .seconds(1)) }
      waits.append(Int((fleet.now - begun).components.seconds))
    }
    #expect(waits == [30, 30, 30, 60, 120, 240, 480, 600])
    // After a quiet hour it is as before.
    fleet.look(after: .seconds(3600))
    fleet.losePower("d")
    fleet.look()
    fleet.comeBack("d")
    fleet.look()
    fleet.look(after: .seconds(30))
    #expect(fleet.answered == "abcde")
  }

  // MARK: Too few

  @Test(arguments: [
    (1, "", "a"), (1, "a", "a"), (2, "b", "ab"), (2, "ab", "ab"), (3, "c", "ab"),
    (3, "bc", "abc"), (4, "cd", "ab"), (4, "bcd", "abcd"), (5, "d", "abce"), (5, "cd", "abe"),
    (5, "cde", "abcde"), (5, "bcde", "abcde"), (5, "abcde", "abcde"), (6, "def", "abc"),
    (6, "cdef", "abcdef"),
  ])
  func `fewer than two, or than half, are never answered`(
    count: Int, away: String, answered: String
  ) {
    var fleet = SeenFleet(count)
    for name in away.map(String.init) {
      if name == "a" {
        fleet.evidence.isOpen = false
      } else {
        fleet.evidence.sights[name]?.isOpen = false
      }
    }
    fleet.look()
    #expect(fleet.answered == answered)
  }

  @Test func `those that return are answered before all are`() {
    var fleet = SeenFleet(5)
    fleet.losePower("bcde")
    fleet.look()
    #expect(fleet.answered == "abcde")
    for name in ["b", "c"] { fleet.comeBack(name) }
    fleet.losePower("de")
    fleet.look(after: .seconds(5))
    #expect(fleet.answered == "abc")
    fleet.comeBack("d")
    fleet.losePower("e")
    fleet.look(after: .seconds(5))
    #expect(fleet.answered == "abcd")
  }

  @Test func `a server that is cut off from the others answers with all`() {
    var fleet = SeenFleet(5)
    fleet.accuse("bcde", by: "a")
    fleet.look()
    #expect(fleet.answered == "abcde")
    #expect(fleet.living.hasTooFew(besides: []))
  }

  @Test func `each family has its own count`() {
    var fleet = SeenFleet(4)
    for index in 0..<4 {
      fleet.evidence.servers[index].addresses.append(
        IPAddress(high: 0x2001_0db8_0000_0000, low: UInt64(index + 1)))
    }
    fleet.living = LivingAddresses(returnAfter: .seconds(30))
    _ = fleet.living.update(fleet.evidence, isStart: true, now: fleet.now)
    // IPv6 of three servers is broken, and IPv4 of one.
    for node in ["c", "d"] {
      for index in 1..<4 {
        fleet.evidence.sights[node]?.fails.insert(fleet.evidence.servers[index].addresses[1])
      }
    }
    let broken = fleet.evidence.sights["c"]?.fails ?? []
    fleet.evidence.sights["b"]?.fails = broken
    for index in 1..<4 { fleet.evidence.views[fleet.evidence.servers[index].addresses[1]] = .fails }
    fleet.losePower("d")
    fleet.look()
    #expect(fleet.living.answer.filter(\.isIPv4).count == 3)
    #expect(fleet.living.answer.filter { !$0.isIPv4 }.count == 4)
  }

  // MARK: Other servers and addresses

  @Test func `a server that has just begun takes all as living`() {
    var fleet = SeenFleet(5)
    fleet.evidence.views = [:]
    fleet.evidence.sights = [:]
    fleet.living = LivingAddresses(returnAfter: .seconds(30))
    _ = fleet.living.update(fleet.evidence, isStart: true, now: fleet.now)
    #expect(fleet.answered == "abcde")
    fleet.look(after: .seconds(1))
    #expect(fleet.answered == "abcde")
  }

  @Test func `a newcomer has to be well first`() {
    var fleet = SeenFleet(5)
    fleet.evidence.servers.append(
      KnownServer(node: "f", number: 6, addresses: [SeenFleet.address(6)], port: 443))
    fleet.look()
    #expect(fleet.answered == "abcde")
    fleet.comeBack("f")
    fleet.look(after: .seconds(5))
    fleet.look(after: .seconds(30))
    #expect(fleet.answered == "abcdef")
  }

  @Test func `a server with another address is answered at that once it is well there`() {
    var fleet = SeenFleet(5)
    fleet.evidence.servers[3].addresses = [SeenFleet.address(44)]
    fleet.look()
    #expect(fleet.living.answer.count == 4)
    fleet.evidence.views[SeenFleet.address(44)] = .connects
    fleet.look(after: .seconds(1))
    fleet.look(after: .seconds(30))
    #expect(fleet.living.answer.contains(SeenFleet.address(44)))
    #expect(!fleet.living.answer.contains(SeenFleet.address(4)))
  }

  @Test func `a server under another name goes on with its address`() {
    var fleet = SeenFleet(5)
    fleet.evidence.servers.append(
      KnownServer(node: "new", number: 6, addresses: [SeenFleet.address(4)], port: 443))
    fleet.evidence.sights["d"] = nil
    fleet.evidence.sights["new"] = ServerSight(isOpen: true)
    fleet.look()
    #expect(fleet.living.answer == (1...5).map(SeenFleet.address))
    #expect(fleet.changes.isEmpty)
    // What the old name said of its port does not count while the new one says that it is open.
    fleet.evidence.sights["d"] = ServerSight(isOpen: false)
    fleet.look()
    #expect(fleet.changes.isEmpty)
  }

  @Test func `an address that is well and has to wait is told apart from one that is lost`() {
    var fleet = SeenFleet(3)
    fleet.losePower("bc")
    fleet.look()
    fleet.comeBack("b")
    fleet.accuse("c", by: "b")
    fleet.look()
    fleet.comeBack("c")
    fleet.look(after: .seconds(10))
    let told = fleet.changes.count
    fleet.look(after: .seconds(20))
    #expect(fleet.answered == "ab")
    #expect(
      Array(fleet.changes.dropFirst(told)) == [
        .init(address: SeenFleet.address(3), isAnswered: false, isReturning: true)
      ])
  }

  @Test func `an address that was not known before is told as new`() {
    var fleet = SeenFleet(1)
    fleet.evidence.servers.append(
      KnownServer(node: "b", number: 2, addresses: [SeenFleet.address(2)], port: 443))
    fleet.look()
    #expect(
      fleet.changes == [.init(address: SeenFleet.address(2), isAnswered: true, isNew: true)])
  }

  @Test func `a server that is forgotten is gone from the answers`() {
    var fleet = SeenFleet(5)
    fleet.evidence.servers.remove(at: 3)
    fleet.look()
    #expect(fleet.changes == [.init(address: SeenFleet.address(4), isAnswered: false)])
  }

  @Test func `one dead server of three hundred is left out, and the others stay`() {
    var fleet = SeenFleet(300)
    let dead = SeenFleet.address(200)
    for number in 2...300 where number != 200 {
      fleet.evidence.sights[SeenFleet.name(number)]?.fails = [dead]
    }
    fleet.look()
    #expect(fleet.changes.isEmpty)
    fleet.evidence.views[dead] = .fails
    fleet.look()
    #expect(fleet.changes == [.init(address: dead, isAnswered: false)])
  }

  @Test func `the log can say who connects to an address and who cannot`() {
    var fleet = SeenFleet(4)
    fleet.accuse("d", by: "ac")
    let witnesses = Electorate(fleet.evidence).witnesses(SeenFleet.address(4))
    #expect(witnesses.connects == ["b"] && witnesses.fails == ["a", "c"])
  }
}
