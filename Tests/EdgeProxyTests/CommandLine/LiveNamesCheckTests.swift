import Testing

@testable import EdgeProxy

@Suite("A port of DNS that somebody else has")
struct LiveNamesCheckTests {
  @Test(arguments: [
    ("systemd-resolve", "list the public addresses in 'dns.listen'"),
    ("dnsmasq", "give it 'bind-interfaces'"), ("named", "cannot share the address"),
    ("unbound", "cannot share the address"),
  ])
  func `who is known is told what to change there`(_ name: String, _ words: String) throws {
    let advice = try #require(LiveNamesCheck.advice(PortOwner(process: 1, name: name)))
    #expect(advice.hasPrefix("; ") && advice.contains(words))
  }

  @Test func `of others nothing is known`() {
    #expect(LiveNamesCheck.advice(PortOwner(process: 1, name: "java")) == nil)
  }
}
