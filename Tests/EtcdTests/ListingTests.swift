import Etcd
import Testing

@Suite("A listing in pages")
struct ListingTests {
  private var listing = Listing(.prefix(bytes("/c/")), pageKeysMax: 2)

  private func page(
    _ keys: [String], hasMore: Bool = true, revision: Int64 = 10, cluster: UInt64 = 7,
    value: String = ""
  ) throws -> RangeResponse {
    var response = try RangeResponse(decoding: [])
    response.header = WatchedPrefix.header(revision, cluster: cluster)
    response.keyValues = keys.map { KeyValue(key: bytes($0), value: bytes(value)) }
    response.hasMore = hasMore
    return response
  }

  private func isFailed(_ step: Listing.Step) -> Bool {
    if case .failed = step { true } else { false }
  }

  @Test mutating func `is of the revision of its first page, and each begins behind the last`()
    throws
  {
    #expect(listing.request.range.start == bytes("/c/"))
    #expect(listing.request.limit == 2 && listing.request.revision == 0)
    #expect(listing.take(try page(["/c/a", "/c/b"])) == .ask)
    #expect(listing.request.range == .between(bytes("/c/b\0"), bytes("/c0")))
    #expect(listing.request.revision == 10)
    let last = try page(["/c/c"], hasMore: false, revision: 12)
    guard case .whole(let header, let found) = listing.take(last) else {
      Issue.record("not whole")
      return
    }
    #expect(header.revision == 10)
    #expect(found.map(\.key) == [bytes("/c/a"), bytes("/c/b"), bytes("/c/c")])
  }

  @Test(arguments: [
    ["/c/b"], ["/c/a", "/c/c"], ["/c/c", "/c/c"], ["/c/d", "/c/c"], ["/d"], [""], [],
  ])
  mutating func `a page that does not go on behind the last is no answer`(keys: [String]) throws {
    #expect(listing.take(try page(["/c/a", "/c/b"])) == .ask)
    #expect(isFailed(listing.take(try page(keys))))
  }

  @Test func `one key has no second page`() throws {
    var listing = Listing(.key(bytes("one")), pageKeysMax: 2)
    #expect(isFailed(listing.take(try page(["one"]))))
  }

  @Test mutating func `pages of another cluster are not put together with these`() throws {
    #expect(listing.take(try page(["/c/a"])) == .ask)
    #expect(isFailed(listing.take(try page(["/c/b"], cluster: 8))))
  }

  @Test mutating func `pages that go on for ever come to an end`() throws {
    var pages = 0
    while listing.take(try page(["/c/\(1_000_000 + pages)"])) == .ask { pages += 1 }
    #expect(pages == Listing.pagesMax - 1)
  }

  @Test mutating func `keys and their bytes have a bound`() throws {
    let keys = (0...Listing.keysMax).map { "/c/\(1_000_000 + $0)" }
    #expect(isFailed(listing.take(try page(keys))))
    var large = Listing(.prefix(bytes("/c/")), pageKeysMax: 2)
    let value = String(repeating: "x", count: Listing.bytesMax / 4)
    #expect(isFailed(large.take(try page(["/c/a", "/c/b", "/c/c", "/c/d"], value: value))))
  }

  @Test mutating func `what does not fit a message is asked for in smaller pages, down to one`() {
    listing = Listing(.prefix(bytes("/c/")), pageKeysMax: 200)
    var limits: [Int64] = []
    while listing.askForLess() { limits.append(listing.request.limit) }
    #expect(limits == [25, 3, 1])
  }

  @Test func `a watch that is told of too many keys lists again, and keeps what it knew`() {
    var prefix = WatchedPrefix.watchingFrom10()
    var response = WatchResponse()
    response.header = WatchedPrefix.header(11)
    response.events = (0...Listing.keysMax).map {
      Event(.put, KeyValue(key: bytes("/c/\($0)"), value: [], modRevision: 11))
    }
    let outcome = prefix.watching.received(response)
    #expect(outcome == .init(.wait(.milliseconds(100))))
    #expect(prefix.watching.failure?.contains("200000") == true)
    let step = prefix.watching.timerFired()
    #expect(step == .list)
  }
}
