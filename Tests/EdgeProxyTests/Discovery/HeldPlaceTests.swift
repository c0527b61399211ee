import Etcd
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("The place of the one server that acts")
struct HeldPlaceTests {
  private static let key = octets("/e/records/holder")
  private var place = HeldPlace(key: Self.key, node: "a")

  private func pair(_ node: String, lease: Int64, created: Int64 = 7) -> KeyValue {
    var pair = KeyValue(key: Self.key, value: octets(node))
    pair.lease = lease
    pair.createRevision = created
    return pair
  }

  @Test mutating func `it is claimed where nobody has it, under a lease, and only then`() {
    #expect(place.claim == nil)
    place.lease = 9
    #expect(
      place.claim
        == TxnRequest(
          compare: [Compare(.key(Self.key), .equal, .version(0))],
          success: [.put(PutRequest(key: Self.key, value: octets("a"), lease: 9))]))
    place.apply(Changes(put: [pair("b", lease: 8)]))
    #expect(place.claim == nil && place.holder == "b" && !place.isOurs)
    place.apply(Changes(removed: [Self.key]))
    #expect(place.claim != nil && place.holder == nil)
  }

  @Test mutating func `what is written compares the revision that made this server the holder`() {
    #expect(place.fence == nil && place.resignation == nil)
    place.lease = 9
    place.apply(Changes(put: [pair("a", lease: 9, created: 12)]))
    let fence = Compare(.key(Self.key), .equal, .createRevision(12))
    #expect(place.isOurs && place.fence == fence)
    #expect(place.resignation?.compare == [fence])
    place.apply(Changes(put: [pair("a", lease: 9, created: 13)]))
    #expect(place.fence == Compare(.key(Self.key), .equal, .createRevision(13)))
  }

  @Test mutating func `a key of this server's under a lease that is lost is not its place`() {
    place.apply(Changes(put: [pair("a", lease: 9)]))
    #expect(!place.isOurs && place.fence == nil && place.claim == nil)
    place.lease = 10
    #expect(!place.isOurs && place.fence == nil && place.claim == nil)
    place.lease = 9
    #expect(place.isOurs)
    place.forget()
    #expect(!place.isOurs && place.holder == nil && place.claim == nil)
  }

  @Test mutating func `other keys of the range are none of it`() {
    place.lease = 9
    var other = pair("b", lease: 8)
    other.key = octets("/e/records/state")
    place.apply(Changes(put: [other], removed: [octets("/e/records/x")]))
    #expect(place.holder == nil && place.claim != nil)
  }
}
