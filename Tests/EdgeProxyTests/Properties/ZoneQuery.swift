import DNSCore
import HTTPCore
import TestSupport

@testable import EdgeProxy

/// A well-formed question to the name service, made of a fuzzer's choices.
struct ZoneQuery: CustomStringConvertible {
  struct Options {
    let version: UInt8
    let bytesMax: UInt16
    let wantsSignatures: Bool
    let content: [UInt8]
  }

  let id: UInt16
  let wantsRecursion: Bool
  let question: DNSQuestion
  let options: Options?

  private static let types: [UInt16] = [
    1, 1, 28, 28, 16, 16, 2, 6, 255, 5, 15, 43, 46, 65, 13, 0, 41, 128, 249, 250, 251, 252, 253,
    254, 257, 0xffff,
  ]

  init(_ input: inout FuzzInput, _ zone: DNSName) {
    id = input.number(UInt16.self)
    wantsRecursion = input.flag()
    let domain: UInt16 = input.isOnce(in: 8) ? input.choice([0, 3, 254, 255]) : 1
    question = DNSQuestion(
      name: Self.name(&input, zone), type: DNSType(rawValue: input.choice(Self.types)),
      domain: DNSClass(rawValue: domain))
    guard input.flag() else {
      options = nil
      return
    }
    options = Options(
      version: input.isOnce(in: 8) ? input.byte() : 0,
      bytesMax: input.choice([0, 511, 512, 513, 600, 1231, 1232, 1233, 4096, 0xffff]),
      wantsSignatures: input.flag(),
      content: input.choice([[], [0, 10, 0, 2, 1, 2], [0xff, 0xff, 0, 0, 0, 3, 0, 1, 0]]))
  }

  /// A name within the zone or nearly so, in any letters.
  private static func name(_ input: inout FuzzInput, _ zone: DNSName) -> DNSName {
    var labels = zone.labels
    switch input.below(16) {
    case 0: labels = Array(labels.dropFirst())
    case 1: labels = [input.word(trick(labels))] + labels.dropFirst()
    case 2: labels = labels + labels.suffix(1)
    default: break
    }
    let word = input.choice(ZoneContent.words)
    let below = input.choice([[], [word], [word, input.choice(ZoneContent.words)]])
    let more = input.choice([[], ["all"], ["ns1"], ["_acme-challenge"], ["_acme-challenge"]])
    labels = (more + below).map(octets) + labels
    let large = input.byte()
    labels = labels.map { label in
      label.enumerated().map { place, byte in
        let isLetter = (0x61...0x7a).contains(byte | 0x20)
        return isLetter && large >> UInt8(place % 8) & 1 == 1 ? byte ^ 0x20 : byte
      }
    }
    return DNSName(labels: labels) ?? zone
  }

  /// Labels that end in the bytes of the zone's first one, and one of them with its length before it.
  private static func trick(_ labels: [[UInt8]]) -> [[UInt8]] {
    let first = labels.first ?? []
    return [octets("evil") + first, octets("evil") + [UInt8(first.count)] + first]
  }

  var bytes: [UInt8]? {
    var message = DNSMessage(id: id)
    message.wantsRecursion = wantsRecursion
    message.questions = [question]
    if let options {
      let flags = UInt32(options.version) << 16 | (options.wantsSignatures ? 0x8000 : 0)
      message.additionals = [
        DNSRecord(
          name: .root, domain: DNSClass(rawValue: options.bytesMax), seconds: flags,
          data: .other(.options, options.content))
      ]
    }
    return try? message.encoded()
  }

  var isOfAddresses: Bool { question.type == .ipv4 || question.type == .ipv6 }

  /// What an answer may measure.
  func bytesMax(_ carrier: DNSCarrier) -> Int {
    guard carrier == .udp else { return DNSMessage.bytesMax }
    return min(1232, max(512, Int(options?.bytesMax ?? 0)))
  }

  /// The message with a few bytes that are others, more or less.
  func changed(_ input: inout FuzzInput) -> [UInt8] {
    var message = bytes ?? []
    for _ in 0...input.below(3) where !message.isEmpty {
      let place = input.isOnce(in: 2) ? input.below(12) : input.below(message.count)
      guard place < message.count else { continue }
      switch input.below(4) {
      case 0: message.remove(at: place)
      case 1: message.insert(input.byte(), at: place)
      case 2: message += message.suffix(input.below(message.count) + 1)
      default: message[place] = input.byte()
      }
    }
    return message
  }

  var description: String { "\(question) \(options.map { "\($0)" } ?? "without EDNS")" }
}

extension ZoneContent {
  static let words = [
    "a", "example", "x.org", "example.org", "all", "ns1", "_acme-challenge", "fleet.example.org",
    String(repeating: "x", count: 63), "org", "ns01", "*", "all.fleet.example.org", "b\\.a",
  ]

  private static let zones = [
    "fleet.example.org", "Fleet.Example.ORG", "z", "example.org",
    Array(repeating: String(repeating: "y", count: 62), count: 3).joined(separator: "."),
    "a." + Array(repeating: String(repeating: "y", count: 62), count: 4).joined(separator: "."),
  ]

  /// A zone that has what the corpora ask for.
  static let example: ZoneContent = {
    var none = FuzzInput([])
    var content = ZoneContent(&none)
    content.zone = DNSName("example.org") ?? .root
    content.living = (1...3).map { IPAddress(ipv4: 0xc000_0200 + $0) }
    content.texts[content.zone] = [octets("abc")]
    return content
  }()

  init(_ input: inout FuzzInput) {
    let zone = DNSName(input.choice(Self.zones)) ?? .root
    let addresses = { (input: inout FuzzInput, most: Int) -> [IPAddress] in
      (0..<input.length(atMost: most)).map { number in
        let low = UInt64(input.isEmpty ? UInt8(truncatingIfNeeded: number) : input.byte())
        return low & 1 == 0
          ? IPAddress(ipv4: 0xcb00_7100 + UInt32(low >> 1))
          : IPAddress(high: 0x2001_0db8 << 32, low: low)
      }
    }
    let servers = (0..<input.length(atMost: input.isOnce(in: 16) ? 300 : 5)).map { place in
      NameServer(
        number: input.isOnce(in: 8) ? input.number(Int.self) : place + 1,
        addresses: addresses(&input, 3))
    }
    let living = addresses(&input, 60)
    var texts: [DNSName: [[UInt8]]] = [:]
    for _ in 0..<input.below(4) {
      guard let name = DNSName(input.choice(Self.words)) else { continue }
      let bytes = input.choice([43, 43, 0, 255, 256, 600])
      texts[name] = (0..<input.length(atMost: 20)).map { number in
        [UInt8](repeating: 0x61 + UInt8(number), count: bytes)
      }
    }
    let wanted = (0..<input.below(3)).compactMap { _ in DNSName(input.choice(Self.words)) }
    self.init(
      zone: zone, servers: servers, living: living, texts: texts, wanted: Set(wanted),
      seconds: input.number(UInt32.self), serial: input.number(UInt32.self))
  }
}
