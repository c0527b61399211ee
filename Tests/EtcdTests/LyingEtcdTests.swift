import Etcd
import EventLoop
import TestSupport
import Testing

@Suite("An etcd that lies")
struct LyingEtcdTests {
  @Test func `whatever it answers, nothing traps and everything ends`() {
    for input in FuzzInputs(seed: 2026, count: 1000, bytesMax: 160) {
      #expect(ParserProperties.lyingEtcd(input) == nil, "\(input)")
    }
  }

  private static let last: [Int64] = [.max, .max - 1, 1 << 62]
  private static let beyond: [Int64] = [.min, -1, (1 << 62) + 1, .max]

  @Test(arguments: last)
  func `a watch after the last of all revisions begins at it`(revision: Int64) {
    var watching = Watching(.prefix(bytes("/c/")))
    _ = watching.start()
    let listed = watching.listed(ResponseHeader(revision: revision), [])
    #expect(listed.step == .watch(from: revision == .max ? .max : revision + 1))
    #expect(watching.lastSeen == revision)
  }

  /// The number of a field, and the message that it stands in.
  @Test(arguments: beyond)
  func `revisions, counts and times beyond all reason are no answer`(number: Int64) {
    let beyond = EtcdWire.varint(UInt64(bitPattern: number))
    let header = [0x0a, UInt8(beyond.count + 1), 0x18] + beyond
    for field: UInt8 in [2, 3, 4] {
      let pair = [0x12, UInt8(beyond.count + 1), field << 3] + beyond
      #expect(throws: ProtobufError.outOfRange(field: Int(field))) {
        try RangeResponse(decoding: pair)
      }
    }
    #expect(throws: ProtobufError.outOfRange(field: 3)) { try RangeResponse(decoding: header) }
    #expect(throws: ProtobufError.outOfRange(field: 3)) { try WatchResponse(decoding: header) }
    #expect(throws: ProtobufError.outOfRange(field: 3)) { try StatusResponse(decoding: header) }
    #expect(throws: ProtobufError.outOfRange(field: 4)) {
      try RangeResponse(decoding: [0x20] + beyond)
    }
    #expect(throws: ProtobufError.outOfRange(field: 5)) {
      try WatchResponse(decoding: [0x28] + beyond)
    }
    #expect(throws: ProtobufError.outOfRange(field: 3)) {
      try LeaseGrantResponse(decoding: [0x18] + beyond)
    }
    #expect(throws: ProtobufError.outOfRange(field: 2)) {
      try DeleteRangeResponse(decoding: [0x10] + beyond)
    }
  }
}

@Suite("A lease as its holder knows it")
struct LeaseTermTests {
  private func granted(_ id: Int64, _ seconds: Int64) throws -> LeaseGrantResponse {
    var response = try LeaseGrantResponse(decoding: [])
    response.id = id
    response.seconds = seconds
    return response
  }

  private func renewed(_ id: Int64, _ seconds: Int64) throws -> LeaseKeepAliveResponse {
    var response = try LeaseKeepAliveResponse(decoding: [])
    response.id = id
    response.seconds = seconds
    return response
  }

  private let now = Instant(nanoseconds: 5_000_000_000)

  private static let long: [Int64] = [3600, 9_223_372_036, 9_223_372_037, .max]

  @Test(arguments: long)
  func `it holds for an hour at most, whatever etcd grants`(seconds: Int64) throws {
    var term = try #require(LeaseTerm(granted(7, seconds), asked: now))
    #expect(term.expiry == now + .seconds(3600))
    let later = now + .seconds(60)
    #expect(term.renewed(by: try renewed(7, seconds), now: later) == .holds)
    #expect(term.expiry == later + .seconds(3600))
    #expect(!term.isOver(now: later + .seconds(3599)))
    #expect(term.isOver(now: later + .seconds(3600)))
  }

  private static let none: [(Int64, Int64)] = [(7, .min), (7, -1), (7, 0), (0, 20)]

  @Test(arguments: none)
  func `what is no time or has no identifier is no lease`(id: Int64, seconds: Int64) throws {
    #expect(LeaseTerm(try granted(id, seconds), asked: now) == nil)
  }

  @Test func `an answer without a time says that it is gone, and another's says nothing`() throws {
    var term = try #require(LeaseTerm(granted(-7, 20), asked: now))
    let before = term
    #expect(term.renewed(by: try renewed(8, 20), now: now) == .foreign)
    #expect(term.renewed(by: try renewed(-7, 0), now: now) == .gone)
    #expect(term.renewed(by: try renewed(-7, .min), now: now) == .gone)
    #expect(term == before)
  }
}
