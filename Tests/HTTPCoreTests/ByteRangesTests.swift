import HTTPCore
import TestSupport
import Testing

@Suite("Ranges")
struct ByteRangesTests {
  private func ranges(_ value: String, of length: Int64 = 10) -> ByteRanges {
    ByteRanges(octets(value).span, length: length)
  }

  @Test(arguments: [
    ("bytes=0-3", [Int64(0)..<4]), ("bytes=9-", [9..<10]), ("bytes=-3", [7..<10]),
    ("bytes=-99", [0..<10]), ("bytes=5-99999999999999999999", [5..<10]),
    ("BYTES=0-0", [0..<1]), ("bytes= 1-2 , 5-6", [1..<3, 5..<7]), ("bytes=,0-1,", [0..<2]),
    ("bytes=7-8,0-1", [7..<9, 0..<2]), ("bytes=2-4,3-6", [2..<7]), ("bytes=0-1,2-3", [0..<4]),
    ("bytes=0-1,8-9,1-8", [0..<10]), ("bytes=20-,3-4", [3..<5]),
  ])
  func `ranges are those within the representation`(value: String, parts: [Range<Int64>]) {
    #expect(ranges(value) == .parts(parts))
  }

  @Test(arguments: [
    "bytes=10-", "bytes=-0", "bytes=99999999999999999999-", "bytes=9223372036854775807-",
    "bytes=10-,-0",
  ])
  func `what is outside cannot be satisfied`(value: String) {
    #expect(ranges(value) == .unsatisfiable)
  }

  @Test(arguments: [
    "", "bytes", "bytes=", "bytes=,", "items=0-1", "bytes=x", "bytes=1", "bytes=-", "bytes=5-3",
    "bytes=0-1;2-3", "bytes=+1-2", "bytes=0x1-2", "bytes=1-2,x", "bytes =1-2", "bytes=1- 2",
  ])
  func `what is malformed asks for the whole`(value: String) {
    #expect(ranges(value) == .whole)
  }

  @Test func `more ranges than the limit ask for the whole`() {
    let many = (0..<ByteRanges.rangesMax).map { "\($0 * 2)-\($0 * 2)" }
    #expect(ranges("bytes=" + many.joined(separator: ","), of: 100) != .whole)
    #expect(ranges("bytes=" + (many + ["90-91"]).joined(separator: ","), of: 100) == .whole)
  }

  @Test func `an empty representation has no ranges`() {
    #expect(ranges("bytes=0-", of: 0) == .whole)
    #expect(ranges("bytes=-5", of: 0) == .whole)
  }
}
