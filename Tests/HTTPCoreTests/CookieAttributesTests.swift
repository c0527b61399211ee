import HTTPCore
import TestSupport
import Testing

@Suite("Attributes of cookies")
struct CookieAttributesTests {
  @Test(arguments: [
    ("a=1", "; HttpOnly; Secure; SameSite=None"),
    ("a=1; Path=/", "; HttpOnly; Secure; SameSite=None"),
    ("a=1; SECURE ; httponly;\tsamesite = Lax", ""), ("a=1;Secure=no", "; HttpOnly; SameSite=None"),
    ("Secure", "; HttpOnly; Secure; SameSite=None"),
    ("a=HttpOnly", "; HttpOnly; Secure; SameSite=None"),
    ("a=\"b; Secure\"", "; HttpOnly; Secure; SameSite=None"),
    ("a=1; Securely", "; HttpOnly; Secure; SameSite=None"),
    ("", "; HttpOnly; Secure; SameSite=None"), (";;Secure;", "; HttpOnly; SameSite=None"),
  ])
  func `what is missing is added once`(value: String, added: String) {
    var attributes = CookieAttributes()
    attributes.httpOnly = true
    attributes.secure = true
    attributes.sameSite = CookieAttributes.SameSite.none
    var output: [UInt8] = []
    attributes.appendMissing(to: octets(value).span, into: &output)
    #expect(text(output.span) == added)
  }

  @Test func `only what is asked for is added`() {
    var attributes = CookieAttributes()
    #expect(attributes.isEmpty)
    attributes.sameSite = .strict
    var output: [UInt8] = []
    attributes.appendMissing(to: octets("a=1").span, into: &output)
    #expect(text(output.span) == "; SameSite=Strict")
  }
}
