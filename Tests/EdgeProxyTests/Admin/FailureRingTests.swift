import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("The last failures of a worker")
struct FailureRingTests {
  private static func record(
    _ status: Int, _ cause: StaticString? = nil, tries: Int = 0
  ) -> AccessRecord {
    var record = AccessRecord()
    record.status = status
    record.cause = cause
    for number in 0..<tries {
      record.addTry(
        node: Array("127.0.0.1:\(9000 + number)".utf8), outcome: "refused", microseconds: 5)
    }
    return record
  }

  private static func head(_ target: String) throws -> RequestHead {
    var parser = RequestParser()
    var head = RequestHead()
    let text = Array("GET \(target) HTTP/1.1\r\nHost: a.test\r\nCookie: secret\r\n\r\n".utf8)
    _ = try parser.parse(text.span, into: &head, limits: HeadLimits())
    return head
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test func `what no page may show is not kept`() throws {
    let ring = FailureRing()
    ring.add(Self.record(502, "tries-used-up", tries: 2), try Self.head("/reset?token=secret"))
    let kept = try #require(ring.all.first)
    #expect(Self.text(kept.path) == "/reset" && Self.text(kept.host) == "a.test")
    #expect(Self.text(kept.method) == "GET" && kept.triesCount == 2 && kept.tries.count == 2)
    let told = Self.text(FailuresSection(failures: ring.all).section.value.json())
    #expect(!told.contains("secret"))
    #expect(told.contains(#""tries":[{"node":"127.0.0.1:9000","outcome":"refused","us":5},"#))
  }

  @Test func `the newest are kept, and long texts are cut`() throws {
    let ring = FailureRing()
    for number in 0..<(FailureRing.countMax * 2 + 3) {
      let target = "/\(number)/" + String(repeating: "x", count: 1000)
      ring.add(Self.record(500), try Self.head(target))
    }
    let paths = ring.all.map { Self.text($0.path) }
    #expect(paths.count == FailureRing.countMax)
    #expect(paths.first?.hasPrefix("/\(FailureRing.countMax + 3)/") == true)
    #expect(paths.last?.hasPrefix("/\(FailureRing.countMax * 2 + 2)/") == true)
    #expect(paths.allSatisfy { $0.utf8.count <= FailureRing.textBytesMax })
  }

  @Test func `a request whose head was refused has no texts`() {
    let ring = FailureRing()
    ring.add(Self.record(502), RequestHead())
    #expect(ring.all.map(\.path) == [[]] && ring.all.map(\.host) == [[]])
  }

  @Test(
    arguments: [
      (500, nil, 1, true), (502, "tries-used-up", 2, true), (503, "queue-full", 0, true),
      (200, "response-truncated", 1, true), (101, "node-reset", 1, true), (501, nil, 1, true),
      (200, nil, 1, false), (404, "route-unknown", 0, false), (499, "client-gone", 1, false),
      (200, "client-gone", 1, false), (200, "client-stalled", 1, false),
      (429, "rate-limit", 0, false),
      (503, "maintenance", 0, false), (503, "no-backend", 0, false), (101, "drain", 1, false),
      (501, "method-unsupported", 0, false), (505, "version-unsupported", 0, false),
    ] as [(Int, StaticString?, Int, Bool)])
  func `a failure is one of the server or of an application`(
    _ status: Int, _ cause: StaticString?, _ tries: Int, _ isFailure: Bool
  ) {
    #expect(Self.record(status, cause, tries: tries).isFailure == isFailure)
  }

  @Test func `failures of all workers are told in one list, the newest first`() {
    var records = [Self.record(500), Self.record(502), Self.record(503)]
    for (index, time) in [20_000_000, 40_000_000, 30_000_000].enumerated() {
      records[index].time = Int64(time)
    }
    let (first, second) = (FailureRing(), FailureRing())
    first.add(records[0], RequestHead())
    first.add(records[1], RequestHead())
    second.add(records[2], RequestHead())
    let value = FailuresSection(failures: first.all + second.all).section.value
    guard case .list(let told) = value else { return #expect(Bool(false), "no list: \(value)") }
    let statuses = told.map { row -> StatusValue? in
      guard case .fields(let fields) = row else { return nil }
      return fields.first { $0.name == "status" }?.value
    }
    #expect(statuses == [.number(502), .number(503), .number(500)])
  }
}
