import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Pages that show what is in a directory, made once")
struct ListingCacheTests {
  private let buffers = BufferPool()
  private let directory = Array("/srv".utf8)
  private let path = Array("/a/".utf8)
  private let second: Int64 = 1_000_000

  private func facts(_ seconds: Int64, _ nanoseconds: Int64 = 0) -> FileFacts {
    FileFacts(
      kind: .directory, bytesCount: 4096, modifiedSeconds: seconds,
      modifiedNanoseconds: nanoseconds)
  }

  private func page(_ count: Int = 100) -> SharedPage {
    SharedPage([UInt8](repeating: 1, count: count), countedIn: buffers)
  }

  private func check(
    _ found: SharedPage?, _ wanted: SharedPage?, _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(found === wanted, sourceLocation: location)
  }

  @Test func `a page is found for as long as the directory is unchanged`() {
    var cache = ListingCache()
    let one = page()
    cache.keep(one, directory, path, facts(10), wallClock: 20 * second)
    check(cache.find(directory, path, facts(10)), one)
    check(cache.find(directory, path, facts(11)), nil)
    check(cache.find(directory, Array("/b/".utf8), facts(10)), nil)
  }

  @Test func `a directory that has just changed may change again at the same time`() {
    var cache = ListingCache()
    cache.keep(page(), directory, path, facts(20), wallClock: 20 * second + 1)
    check(cache.find(directory, path, facts(20)), nil)
  }

  @Test(arguments: [Int64.min, -1, 0, .max] as [Int64])
  func `any time of a directory is only a time`(seconds: Int64) {
    var cache = ListingCache()
    for wallClock in [Int64.min, 0, .max] {
      cache.keep(page(), directory, path, facts(seconds, 999_999_999), wallClock: wallClock)
    }
    check(cache.find(directory, path, facts(seconds)), nil)
  }

  @Test func `a page that is sent is counted once, and no more when it has gone out everywhere`() {
    var cache = ListingCache()
    var one = OwnBody()
    var other = OwnBody()
    cache.keep(page(5000), directory, path, facts(10), wallClock: 20 * second)
    #expect(buffers.bytesOut == 0)
    if let found = cache.find(directory, path, facts(10)) {
      one.begin(found)
      other.begin(found)
    }
    let counts = [one.count, other.count]
    #expect(counts == [5000, 5000])
    #expect(buffers.bytesOut == 5000)
    one.reset()
    #expect(buffers.bytesOut == 5000)
    other.reset()
    #expect(buffers.bytesOut == 0)
  }

  @Test func `few pages are kept, and none that is very large`() {
    var cache = ListingCache()
    for number in 0..<100 {
      let path = Array("/\(number)/".utf8)
      cache.keep(page(1 << 20), directory, path, facts(10), wallClock: 20 * second)
    }
    let kept = (0..<100).filter {
      cache.find(directory, Array("/\($0)/".utf8), facts(10)) != nil
    }
    #expect(kept == [96, 97, 98, 99])
    cache.keep(page(5 << 20), directory, path, facts(10), wallClock: 20 * second)
    check(cache.find(directory, path, facts(10)), nil)
  }

  @Test func `one page is made in a turn`() {
    var cache = ListingCache()
    let turn = Instant(nanoseconds: 5)
    let answers = [turn, turn, Instant(nanoseconds: 6)].map { cache.mayMake(now: $0) }
    #expect(answers == [true, false, true])
  }
}
