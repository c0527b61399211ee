import HTTPCore
import TestSupport
import Testing

/// Where memory lies and how much of it there is: another place means that it was allocated anew.
private struct Places: Equatable {
  var addresses: [UInt] = []
  var capacities: [Int] = []

  init(_ head: borrowing RequestHead, _ packet: borrowing UWSGIPacket) {
    // SAFETY: addresses are compared, never followed.
    unsafe head.bytes.withUnsafeBufferPointer { unsafe note($0.baseAddress) }
    // SAFETY: as above.
    unsafe head.fields.withUnsafeBufferPointer { unsafe note($0.baseAddress) }
    // SAFETY: as above.
    unsafe head.decodedPath.withUnsafeBufferPointer { unsafe note($0.baseAddress) }
    // SAFETY: as above.
    unsafe head.host.withUnsafeBufferPointer { unsafe note($0.baseAddress) }
    // SAFETY: as above.
    unsafe packet.bytes.withUnsafeBufferPointer { unsafe note($0.baseAddress) }
    capacities = [
      head.bytes.capacity, head.fields.capacity, head.decodedPath.capacity, head.host.capacity,
    ]
  }

  private mutating func note(_ address: UnsafePointer<some Any>?) {
    addresses.append(UInt(bitPattern: address))
  }
}

@Suite("Memory of one request after another")
struct SteadyStateTests {
  /// Parses and encodes the inputs one after the other in the same storage.
  ///
  /// Between two of them, what was given back is taken by others, so that it cannot come again by
  /// chance.
  private func places(_ inputs: [String]) throws -> [Places] {
    var parser = RequestParser()
    var head = RequestHead()
    var packet = UWSGIPacket()
    let facts = exampleFacts()
    let limits = HeadLimits()
    var seen: [Places] = []
    var taken: [[UInt8]] = []
    var takenFields: [[HeaderField]] = []
    for input in inputs {
      let bytes = octets(input)
      for end in [bytes.count / 2, bytes.count] {
        _ = try parser.parse(bytes.span.extracting(0..<end), into: &head, limits: limits)
      }
      try packet.encode(head, facts: facts)
      let place = Places(head, packet)
      seen.append(place)
      parser.reset()
      head.reset()
      for capacity in [place.capacities[0], place.capacities[2], place.capacities[3]] {
        taken.append([])
        taken[taken.count - 1].reserveCapacity(capacity)
      }
      takenFields.append([])
      takenFields[takenFields.count - 1].reserveCapacity(place.capacities[1])
    }
    #expect(taken.count == inputs.count * 3)
    return seen
  }

  private let browser = get(
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.5", "Accept-Encoding: gzip, deflate, br, zstd",
    "Cookie: session=abcdefghijklmnopqrstuvwxyz; theme=dark", "Connection: keep-alive, X-Hop",
    "X-Hop: 1", "Content-Type: text/plain", target: "/some/long/path/to%20a/page?with=query")

  @Test func `the second and later requests of a kind allocate nothing`() throws {
    let seen = try places(Array(repeating: browser, count: 20))
    #expect(Set(seen.map(\.addresses)).count == 1)
    #expect(Set(seen.map(\.capacities)).count == 1)
  }

  @Test func `shorter requests live in what longer ones needed`() throws {
    let seen = try places([browser, get(), browser, post("Content-Length: 3"), browser])
    #expect(Set(seen.map(\.addresses)).count == 1)
  }

  @Test func `a larger block than before grows the packet once`() throws {
    // 3000 bytes of the head become more than the 2048 that a packet begins with.
    let large = get("X-Large: " + String(repeating: "v", count: 3000))
    let seen = try places([browser, large, browser, large, large])
    #expect(seen[0].addresses.last != seen[1].addresses.last)
    #expect(Set(seen[1...].map(\.addresses)).count == 1)
  }

  @Test func `large heads are not kept, which the places show`() throws {
    let huge = get("X-Huge: " + String(repeating: "v", count: 9000))
    let seen = try places([huge, huge, huge])
    #expect(Set(seen.map { $0.addresses[0] }).count == 3)
    // All else stays where it is.
    #expect(Set(seen.map { Array($0.addresses[1...]) }).count == 1)
  }
}
