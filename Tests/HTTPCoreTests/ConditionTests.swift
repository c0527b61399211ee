import HTTPCore
import TestSupport
import Testing

@Suite("Dates and tags of conditions")
struct ConditionTests {
  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
  ])
  func `a date is read in its three forms`(date: String) {
    #expect(HTTPDate.parseAnyForm(octets(date).span) == 784_111_777)
  }

  @Test(arguments: [Int64(0), 951_782_400, 1_709_164_799, 4_102_444_800, 253_402_300_799])
  func `a date that was written is read again`(seconds: Int64) {
    var date: [UInt8] = []
    HTTPDate.format(seconds, into: &date)
    #expect(HTTPDate.parseAnyForm(date.span) == seconds)
  }

  @Test(arguments: [
    "", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 24:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08.49.37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, +6 Nov 1994 08:49:37 GMT",
  ])
  func `what is no date is none`(date: String) {
    #expect(HTTPDate.parseAnyForm(octets(date).span) == nil)
  }

  @Test(arguments: [
    (#""a""#, true, true), (#"W/"a""#, false, true), (#""b", "a""#, true, true), ("*", true, true),
    (#""b""#, false, false), (#""x,"a""#, false, false), (#""x, y" , "a""#, true, true),
    ("a", false, false),
    (#"w/"a""#, false, false), (#"W/a"#, false, false), (#""A""#, false, false), ("", false, false),
    (#""a"#, false, false), (#""b" junk "a""#, false, false),
    (#", ,"b",, "a" ,"#, true, true), (#",,"#, false, false),
  ])
  func `a list has the tags that it names`(value: String, strongly: Bool, weakly: Bool) {
    let (list, tag) = (octets(value), octets(#""a""#))
    #expect(EntityTag.list(list.span, has: tag.span, weakly: false) == strongly)
    #expect(EntityTag.list(list.span, has: tag.span, weakly: true) == weakly)
  }

  @Test(arguments: [
    "If-Modified-Since: Sun, 06 Nov 2050 08:49:37 GMT",
    "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
  ])
  func `without a time of the last change no date is a condition`(field: String) throws {
    var head = RequestHead()
    var parser = RequestParser()
    _ = try parser.parse(octets(get(field)).span, into: &head, limits: HeadLimits())
    let answer = head.precondition(Validators(tag: octets(#""a""#), modified: nil))
    #expect(answer == .holds)
    let other = head.precondition(Validators(tag: octets(#""a""#), modified: 1_000_000_000))
    #expect(other != .holds)
  }

  @Test func `without a time of the last change no date allows a range`() throws {
    var head = RequestHead()
    var parser = RequestParser()
    let field = "If-Range: Thu, 01 Jan 1970 00:00:01 GMT"
    _ = try parser.parse(octets(get(field)).span, into: &head, limits: HeadLimits())
    let now: Int64 = 2_000_000_000
    let unknown = head.rangeConditionHolds(
      Validators(tag: octets(#""a""#), modified: nil), now: now)
    #expect(!unknown)
    let known = head.rangeConditionHolds(Validators(tag: octets(#""a""#), modified: 1), now: now)
    #expect(known)
  }
}
