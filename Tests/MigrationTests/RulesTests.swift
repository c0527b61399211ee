import HTTPCore
import TestSupport
import Testing

@testable import Migration

@Suite("Lines of which the first that fits counts, as two lists")
struct AddressOrderTests {
  private static func line(_ text: String) -> AddressOrder.Line {
    let words = text.split(separator: " ").map(String.init)
    return AddressOrder.Line(isAllow: words[0] == "allow", text: words[1])
  }

  @Test(
    arguments: [
      (["allow 10.0.0.0/8", "deny all"], ["10.0.0.0/8"], []),
      (["deny 10.1.0.0/16", "allow 10.0.0.0/8", "deny all"], ["10.0.0.0/8"], ["10.1.0.0/16"]),
      (["deny 192.0.2.1"], [], ["192.0.2.1/32"]), (["allow all"], [], []),
      (["allow 10.0.0.0/8", "deny 10.1.0.0/16", "deny all"], ["10.0.0.0/8"], []),
      (["allow 10.0.0.1", "deny 192.0.2.0/24"], [], ["192.0.2.0/24"]),
      (["deny all"], [], ["0.0.0.0/0", "::/0"]),
      (["allow 2001:db8::/32", "deny all"], ["2001:db8::/32"], []),
    ] as [([String], [String], [String])])
  func `lists say the same as the lines`(lines: [String], allow: [String], deny: [String]) throws {
    let lists = try #require(AddressOrder.lists(lines.map(Self.line)))
    #expect(lists.allow == allow)
    #expect(lists.deny == deny)
  }

  @Test(arguments: [
    ["allow 10.1.2.3", "deny 10.0.0.0/8", "allow all"], ["allow 10.1.2.3", "deny 10.0.0.0/8"],
    ["allow unix:", "deny all"], ["deny app.example.org"],
  ])
  func `where no lists say the same there are none`(lines: [String]) {
    #expect(AddressOrder.lists(lines.map(Self.line)) == nil)
  }

  @Test func `lists admit whom the lines admit, in whatever order these are`() {
    let networks = [
      "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24", "::/0", "2001:db8::/32", "all",
    ]
    let clients = [
      "10.0.0.1", "10.1.0.1", "10.1.2.3", "192.0.2.9", "198.51.100.1", "2001:db8::1", "::1",
    ]
    var translated = 0
    for input in FuzzInputs(seed: 8, count: 4000, bytesMax: 12) {
      var choices = FuzzInput(input)
      let lines = choices.list(atMost: 6) {
        AddressOrder.Line(isAllow: $0.flag(), text: $0.choice(networks))
      }
      guard let lists = AddressOrder.lists(lines) else { continue }
      translated += 1
      for client in clients {
        #expect(
          Self.admits(lists, client) == Self.admits(lines, client), "\(lines) \(lists) \(client)")
      }
    }
    #expect(translated > 1000)
  }

  private static func contains(_ network: String, _ client: String) -> Bool {
    guard let address = IPAddress(Array(client.utf8).span) else { return false }
    return network == "all" || Network(Array(network.utf8).span)?.contains(address) ?? false
  }

  private static func admits(_ lines: [AddressOrder.Line], _ client: String) -> Bool {
    lines.first { contains($0.text, client) }?.isAllow ?? true
  }

  private static func admits(_ lists: (allow: [String], deny: [String]), _ client: String) -> Bool {
    if lists.deny.contains(where: { contains($0, client) }) { return false }
    return lists.allow.isEmpty || lists.allow.contains { contains($0, client) }
  }
}

@Suite("Regular expressions that only say how a path begins")
struct PathPatternTests {
  @Test(
    arguments: [
      ("^/old/(.*)$", PathPattern(prefix: "/old/", tail: .captured)),
      ("^/old(/.*)?$", PathPattern(prefix: "/old", tail: .captured)),
      ("^/a\\.b", PathPattern(prefix: "/a.b", tail: .anything)),
      ("^/a/?$", PathPattern(prefix: "/a", tail: .nothing)),
      ("^(.*)$", PathPattern(prefix: "", tail: .captured)),
      ("^", PathPattern(prefix: "", tail: .anything)),
      ("^/(.*)$", PathPattern(prefix: "/", tail: .captured)), ("\\.php$", nil), ("^/a[bc]", nil),
      ("^/$", nil), ("^/a(b|c)", nil), ("^/\\d+", nil),
    ] as [(String, PathPattern?)])
  func `others are none`(expression: String, pattern: PathPattern?) {
    #expect(PathPattern(expression) == pattern)
  }

  @Test func `an alternation stands for several`() {
    #expect(PathPattern.alternatives("^/(media|static)/") == ["^/media/", "^/static/"])
    #expect(PathPattern.alternatives("^/x") == ["^/x"])
  }
}

@Suite("Text in YAML")
struct YAMLTextTests {
  @Test(arguments: [
    ("example.org", "example.org"), ("/srv/www", "/srv/www"), ("true", "\"true\""),
    ("No", "\"No\""),
    ("1", "\"1\""), ("1.5", "\"1.5\""), ("", "\"\""), ("a: b", "\"a: b\""), ("a #b", "\"a #b\""),
    ("*.a", "\"*.a\""), ("- a", "\"- a\""), ("{host}", "\"{host}\""),
    ("a\"b\\c", "\"a\\\"b\\\\c\""),
    ("${HOME}", "\"$${HOME}\""), ("$${x", "\"$$${x\""), ("a\nb", "\"a\\nb\""),
    ("a\u{85}\u{2028}b\u{7}", "\"ab\""), ("é", "\"é\""), ("10.0.0.1:80", "\"10.0.0.1:80\""),
  ])
  func `hostile text stands in quotation marks`(text: String, written: String) {
    #expect(YAMLText.scalar(text) == written)
  }

  @Test func `no comment ends its line before its end`() {
    var writer = YAMLWriter()
    writer.comment("a\nroutes: x\u{2028}b\u{85}c \u{1B}[2J")
    #expect(writer.text == "# a routes: x b c  [2J\n")
  }
}

@Suite("Quantities of other servers")
struct ForeignQuantityTests {
  @Test(
    arguments: [
      ("10m", 10 << 20), ("1G", 1 << 30), ("512", 512), ("0", 0), ("99999999999g", 1 << 40),
      ("-1", nil), ("1x", nil), ("", nil), ("9999999999999999", nil),
    ] as [(String, Int?)])
  func `sizes of nginx`(text: String, bytes: Int?) { #expect(NginxQuantity.bytes(text) == bytes) }

  @Test(
    arguments: [
      ("30", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1d", 86_400_000), ("1M", 2_592_000_000),
      ("", nil), ("s", nil), ("999999999999y", 3_155_760_000_000), ("1h x", nil),
    ] as [(String, Int?)])
  func `times of nginx`(text: String, milliseconds: Int?) {
    #expect(NginxQuantity.milliseconds(text) == milliseconds)
  }

  @Test(
    arguments: [
      ("access plus 1 month", 2_592_000), ("now plus 1 day 2 hours", 93_600), ("A3600", 3600),
      ("modification plus 1 day", nil), ("access plus x days", nil),
    ] as [(String, Int?)])
  func `times of mod_expires`(text: String, seconds: Int?) {
    #expect(ApacheFields.seconds(text) == seconds)
  }
}
