import Etcd
import EventLoop
import HTTPCore
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("What a lying etcd says of a fleet")
struct LyingFleetTests {
  private let prefix = "/edgeproxy/"

  private static let nodes = ["n", "edge-1", "a b", "", "é", "x\n", "%2F", "unix"].map(octets)
  private static let keys = [
    "a.test", "*.a.test", "a..b", ".a", "A.test", "*.", "a.test.", "localhost", "a_b", "-",
    String(repeating: "x", count: 64),
  ].map(octets)
  private static let addresses = [
    "10.0.0.1:1", "10.0.0.1:65535", "10.0.0.1:0", "0.0.0.0:1", "255.255.255.255:1", "[::1]:1",
    "[::]:1", "[ff02::1]:1", "127.0.0.1:80", "unix:%2Frun%2Fa", "unix:@a", "unix:@", "unix:a",
    "unix:/a b", "[::ffff:0.0.0.0]:1", "1.2.3.4:5:6",
  ].map(octets)

  private func stored(_ input: inout FuzzInput) -> (key: [UInt8], value: [UInt8]) {
    let slash = octets("/")
    let key =
      octets(prefix + SharedInstance.directory) + input.word(Self.nodes) + slash
      + input.word(Self.keys) + slash + input.word(Self.addresses)
    var numbers: [String] = [input.isOnce(in: 16) ? "\(input.number(Int64.self))" : "1"]
    for small in [256, 256, 2000, 200_000, 2] {
      let isEdge = input.isOnce(in: 4)
      numbers.append("\(isEdge ? input.number(Int64.self) : Int64(input.below(small)))")
    }
    return (key, octets(numbers.joined(separator: " ")))
  }

  @Test func `every instance that is taken is written to the copy and read back`() {
    var taken = 0
    for bytes in FuzzInputs(seed: 5, count: 1500, bytesMax: 240) {
      var input = FuzzInput(bytes)
      var registry = InstanceRegistry()
      var now = Instant(nanoseconds: Int64(input.below(1 << 30)))
      while !input.isEmpty {
        let (key, value) = stored(&input)
        guard let told = try? SharedInstance(storedKey: key, value: value, prefix: prefix) else {
          continue
        }
        let again = try? SharedInstance(
          storedKey: told.storedKey(prefix: prefix), value: told.storedValue, prefix: prefix)
        #expect(again == told)
        _ = registry.announce(told.key, told.instance, .shared(node: told.node), now: now)
        now = now + .seconds(input.number(Int64.self))
        if input.isOnce(in: 8) { registry.beat(now: now) }
        taken += 1
      }
      let time = min(max(0, input.number(Int64.self)), WallTime.secondsMax)
      let rows = registry.rows(time: time, now: now)
      let (text, leftOut) = InstanceCopy.encode(rows)
      #expect(leftOut.isEmpty)
      let read = InstanceCopy.decode(text)
      #expect(read?.mistakes == [] && read?.rows.count == rows.count)
    }
    #expect(taken > 100)
  }

  @Test func `what a datagram may say can be told to the fleet, and is taken there`() throws {
    var policy = SubscriptionPolicy(
      SubscriptionSettings(listen: [], allow: nil, signingKeys: nil, allowsSHA1: false),
      keys: nil, begun: 0, now: Instant(nanoseconds: 0))
    var taken = 0
    for bytes in FuzzInputs(seed: 6, count: 4000, bytesMax: 40) {
      var input = FuzzInput(bytes)
      var block: [UInt8] = []
      let address = input.word(["127.0.0.1:80", "/run/a", "@a", "unix:/a", "[::1]:1"].map(octets))
      let pairs: [(String, [UInt8])] = [
        ("key", input.word(Self.keys)), ("address", address),
        ("modifier1", octets("\(input.below(256))")),
        ("weight", octets("\(input.below(2000))")), ("cores", octets("\(input.below(200_000))")),
      ]
      for word in pairs.flatMap({ [octets($0.0), $0.1] }) {
        block += [UInt8(word.count & 255), UInt8(word.count >> 8)] + word
      }
      let datagram = [224, UInt8(block.count & 255), UInt8(block.count >> 8), 0] + block
      let verdict = policy.judge(
        datagram.span, from: .unix, time: 0, now: Instant(nanoseconds: 0))
      guard case .announce(let announcement) = verdict else { continue }
      taken += 1
      let shared = SharedInstance(node: "n", key: announcement.key, announcement.instance)
      let read = try SharedInstance(
        storedKey: shared.storedKey(prefix: prefix), value: shared.storedValue, prefix: prefix)
      #expect(read == shared)
    }
    #expect(taken > 100)
  }
}
