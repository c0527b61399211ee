import Testing

@testable import Configuration

@Suite("Sizes, durations and near words")
struct QuantityTests {
  @Test(arguments: [
    ("0B", 0), ("1B", 1), ("512B", 512), ("16KiB", 16 << 10), ("1MiB", 1 << 20),
    ("3GiB", 3 << 30), ("2TiB", 2 << 40), ("007KiB", 7 << 10),
  ])
  func `a size has a unit of 1024`(_ text: String, _ bytes: Int) {
    #expect(ByteSize.parse(text) == bytes)
    #expect(ByteSize.parse(ByteSize.text(bytes)) == bytes)
  }

  @Test(arguments: ["", "1", "KiB", "1 KiB", "1kib", "1KB", "-1B", "+1B", "1.0B", "1KiBB", "١KiB"])
  func `anything else is no size`(_ text: String) {
    #expect(ByteSize.parse(text) == nil)
  }

  @Test(arguments: ["9223372036854775807TiB", "9223372036854775808B", "99999999999999999999KiB"])
  func `a size that overflows is more than any bound`(_ text: String) throws {
    #expect(try #require(ByteSize.parse(text)) > 1 << 60)
  }

  @Test(arguments: [
    ("0s", 0), ("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("12h", 43_200_000),
  ])
  func `a duration is in h, m, s or ms`(_ text: String, _ milliseconds: Int) {
    #expect(TimeSpan.parse(text) == .milliseconds(milliseconds))
    #expect(TimeSpan.text(.milliseconds(milliseconds)) == text)
  }

  @Test(arguments: ["", "1", "s", "1 s", "1S", "1m30s", "-1s", "1.5s", "1d", "1us"])
  func `anything else is no duration`(_ text: String) {
    #expect(TimeSpan.parse(text) == nil)
  }

  @Test(arguments: [
    ("upstraem", "upstream", 1), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3),
    ("same", "same", 0), ("ab", "ba", 1),
  ])
  func `swapped neighbours count once`(_ left: String, _ right: String, _ distance: Int) {
    #expect(Suggestion.distance(Array(left.utf8), Array(right.utf8)) == distance)
    #expect(Suggestion.distance(Array(right.utf8), Array(left.utf8)) == distance)
  }

  @Test func `words that are far from all candidates suggest nothing`() {
    #expect(Suggestion.nearest(to: "etcd", among: ["local", "off"]) == nil)
    #expect(Suggestion.nearest(to: "1.1", among: ["1.2", "1.3"]) == nil)
    #expect(Suggestion.nearest(to: "", among: ["a"]) == nil)
  }
}
