import HTTPCore
import TestSupport
import Testing

@Suite("Cache-Control")
struct CacheControlTests {
  private func read(_ lines: String...) -> CacheControl {
    var control = CacheControl()
    for line in lines { control.add(octets(line).span) }
    return control
  }

  @Test func `a message without the field says nothing`() {
    #expect(read() == CacheControl())
    #expect(read("") == CacheControl())
    #expect(read(" , ,\t,") == CacheControl())
  }

  @Test func `each directive is understood, in any case and any order`() {
    let control = read("PUBLIC, Max-Age=60,stale-if-error=86400 ,\tMUST-revalidate")
    #expect(control.isPublic && control.mustRevalidate && !control.isUnreadable)
    #expect(control.maxAge == 60 && control.staleIfError == 86400)
    #expect(!control.noStore && !control.noCache && !control.isPrivate)
    #expect(read("no-store").noStore)
    #expect(read("no-cache").noCache)
    #expect(read("private").isPrivate)
    #expect(read("proxy-revalidate").mustRevalidate)
    #expect(read("s-maxage=5").sharedMaxAge == 5)
  }

  @Test func `several lines are one list`() {
    #expect(read("max-age=60", "no-store") == read("max-age=60, no-store"))
  }

  @Test func `what names fields is taken for the whole`() {
    #expect(read(#"private="set-cookie, x-user""#).isPrivate)
    #expect(read(#"no-cache="set-cookie""#).noCache)
    #expect(read("no-cache=set-cookie").noCache)
  }

  @Test(arguments: [
    "immutable", "stale-while-revalidate=30", "x", "x=y", #"x="no-store, private""#,
    #"x="\", no-store""#, "must-understand", "no-store-at-all", "xno-store", "max-agent=1",
  ])
  func `directives that are not known are passed over`(text: String) {
    #expect(read(text) == CacheControl())
  }

  @Test(arguments: [
    "no store", "max-age = 60", "max-age=60;public", "=1", "@", "no-store;", #""no-store""#,
    #"private="x"#, #"private="x\"#, #"private="x"y"#, "max-age=6 0", "caf\u{e9}", "a=b=c",
  ])
  func `what is no list of directives is unreadable`(text: String) {
    #expect(read(text).isUnreadable)
    #expect(read("max-age=60, \(text)").isUnreadable)
    #expect(read("max-age=60", text).isUnreadable)
  }

  @Test(arguments: [
    ("60", 60), (#""60""#, 60), ("0", 0), ("007", 7), ("2147483648", 2_147_483_648),
    ("2147483649", 2_147_483_648), ("99999999999999999999999999", 2_147_483_648), ("-1", 0),
    ("1.5", 0), ("", 0), ("6x", 0), (#""6 ""#, 0), ("+6", 0),
  ])
  func `seconds are digits, and what is none is 0`(text: String, seconds: Int64) {
    #expect(read("max-age=\(text)").maxAge == seconds)
    #expect(read("s-maxage=\(text)").sharedMaxAge == seconds)
    #expect(read("stale-if-error=\(text)").staleIfError == seconds)
  }

  @Test func `a number without its value, or with two, is 0`() {
    #expect(read("max-age").maxAge == 0)
    #expect(read("max-age=5, max-age=6").maxAge == 0)
    #expect(read("max-age=5", "max-age=5").maxAge == 5)
    #expect(read("stale-if-error=9, stale-if-error=8").staleIfError == 0)
  }
}
