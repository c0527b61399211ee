import TestSupport

/// Announcements in uWSGI's form, and instances in the form of etcd, from pairs that are nearly right.
enum Datagrams {
  private static let pairsMax = 16

  /// A packet of the form that `SubscriptionDatagram` describes.
  static func make(_ input: inout FuzzInput) -> [UInt8] {
    var pairs: [UInt8] = []
    if !input.isOnce(in: 16) { pairs += pair("key", input.word(keys), &input) }
    if !input.isOnce(in: 16) { pairs += pair("address", input.word(addresses), &input) }
    let more = input.list(atMost: pairsMax) { input in
      let (name, values) = input.choice(rest)
      return pair(name, input.word(values), &input)
    }
    for part in more { pairs += part }
    if input.isOnce(in: 8) { pairs += pair("sign", input.raw(input.length(atMost: 300)), &input) }
    let command = input.choice([0, 0, 0, 1, 1, 2, 255] as [UInt8])
    let modifier: UInt8 = input.isOnce(in: 32) ? input.byte() : 224
    let count = input.isOnce(in: 32) ? Int(input.number(UInt16.self)) : pairs.count
    return [modifier, UInt8(count & 255), UInt8(count >> 8 & 255), command] + pairs
  }

  /// Sizes are right but for a few, which say none, all, or one more than is there.
  private static func pair(
    _ name: [UInt8], _ value: [UInt8], _ input: inout FuzzInput
  ) -> [UInt8] {
    word(name, &input) + word(value, &input)
  }

  private static func word(_ word: [UInt8], _ input: inout FuzzInput) -> [UInt8] {
    var count = word.count
    if input.isOnce(in: 64) { count = input.choice([0, 0xffff, count + 1, count - 1, 256]) }
    return [UInt8(count & 255), UInt8(count >> 8 & 255)] + word
  }

  private static func pair(
    _ name: String, _ value: [UInt8], _ input: inout FuzzInput
  ) -> [UInt8] {
    pair(octets(name), value, &input)
  }

  /// A key and a value as another server writes them, or as anybody else does.
  static func stored(_ input: inout FuzzInput, prefix: String) -> ([UInt8], [UInt8]) {
    let parts = [input.word(nodes), input.word(storedKeys), input.word(storedAddresses)]
    let key = octets(prefix + "instances/") + parts.joined(separator: octets("/"))
    var words = [input.choice(["1", "1", "1", "2"].map(octets))]
    for _ in 0..<(input.isOnce(in: 16) ? input.below(8) : 5) { words.append(input.word(numbers)) }
    return (key, Array(words.joined(separator: octets(" "))))
  }

  // MARK: The dictionary

  private static let keys = [
    "a.test", "b.test", ".test", "*.test", "A.Test.", "a.test:443", "a.test:65536", "", ".", "*.",
    "a..b", "x", "a b", String(repeating: "a.", count: 127) + "b",
  ].map(octets)

  private static let addresses = [
    "10.0.0.5:1", "10.0.0.5:0", "10.0.0.5:65535", "10.0.0.5:65536", "127.0.0.1:3031", "[::1]:80",
    "10.0.0.1:1", "0.0.0.0:1", "224.0.0.1:1", "[fe80::1]:1", "[::ffff:10.0.0.5]:1", "/run/a.sock",
    "/run/a%2Fb", "@a", "@", "/", "unix:/a", "", "a:1", "10.0.0.5", "[]:1", "192.0.2.7:80",
    "/" + String(repeating: "x", count: 106), "/" + String(repeating: "x", count: 107),
  ].map(octets)

  private static let numbers = [
    "0", "1", "2", "255", "256", "1000", "1001", "100000", "100001", "1000000", "1000000000",
    "1000000001", "9223372036854775807", "9223372036854775808", "-1", "", "007", "22", "1x",
  ].map(octets)

  private static let times = [
    "0", "1000000000", "1000000060", "92233720368547758", "92233720368547759", "", "x",
  ].map(octets)

  private static let rest: [(String, [[UInt8]])] = [
    ("modifier1", numbers), ("modifier2", numbers), ("cores", numbers), ("load", numbers),
    ("weight", numbers), ("backup", numbers), ("unix", times), ("clear", numbers),
    ("notify", addresses), ("proto", ["uwsgi", "http", "", "U"].map(octets)),
    ("sni_key", [octets("/k")]), ("key", keys), ("address", addresses), ("auth", [octets("x")]),
    ("sign", [octets("x")]), ("", [[]]),
  ]

  private static let nodes = ["n1", "n2", "own", "a b", "", "%2F", "%", "\u{e9}", "n%252F"].map(
    octets)
  private static let storedKeys = [
    "a.test", "b.test", "*.test", "a..b", ".", "*.", "a_b", "A.test", "a.test.", "-", "",
  ].map(octets)
  private static let storedAddresses = [
    "10.0.0.9:1", "10.0.0.9:65535", "[::1]:80", "127.0.0.1:1", "unix:%2Frun%2Fa", "unix:@a",
    "0.0.0.0:1", "224.0.0.1:1", "10.0.0.9:0", "unix:a", "unix:%252F", "x", "",
  ].map(octets)
}
