import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Visits to MySQL servers")
struct MySQLVisitTests {
  private static let greeting: [UInt8] = packet(
    0, [10] + Array("11.4.2-MariaDB".utf8) + [0, 1, 2, 3])
  private static let ok: [UInt8] = packet(2, [0, 0, 0, 2, 0, 0, 0])

  private static func packet(_ number: UInt8, _ body: [UInt8]) -> [UInt8] {
    [UInt8(body.count & 0xFF), UInt8(body.count >> 8), 0, number] + body
  }

  private static func error(_ number: UInt8, _ code: Int) -> [UInt8] {
    packet(number, [0xFF, UInt8(code & 0xFF), UInt8(code >> 8)] + Array("#08004 no".utf8))
  }

  /// What the visit says to each of these, which come a byte at a time.
  private func visit(_ said: [[UInt8]]) -> [MySQLVisit.Step] {
    var visit = MySQLVisit(user: "edge")
    var input = ByteBuffer(storage: [UInt8](repeating: 0, count: 64 << 10))
    var steps: [MySQLVisit.Step] = []
    for byte in said.flatMap({ $0 }) {
      _ = input.write { space in
        space[0] = byte
        return 1
      }
      let step = visit.take(&input)
      if step != .wait { steps.append(step) }
    }
    return steps
  }

  @Test func `whatever packets a server says, whole or not, little is said to it`() {
    for bytes in FuzzInputs(seed: 3, count: 1500, bytesMax: 60) {
      var input = FuzzInput(bytes)
      var said: [[UInt8]] = []
      while !input.isEmpty {
        let kind = input.choice([0, 1, 10, 0xFE, 0xFF, input.byte()])
        let body = [kind] + input.raw(input.below(12))
        let isLying = input.isOnce(in: 8)
        let count = isLying ? Int(input.number(UInt32.self) & 0xff_ffff) : body.count
        said.append(
          [count, count >> 8, count >> 16].map { UInt8(truncatingIfNeeded: $0) } + [input.byte()]
            + body)
      }
      var words = 0
      for step in visit(said) {
        guard case .say = step else { break }
        words += 1
      }
      // An answer, and three times no password.
      #expect(words <= 4, "\(said)")
    }
  }

  @Test func `a name is given, and a server that takes it is left in order`() throws {
    let steps = visit([Self.greeting, Self.ok])
    guard case .say(let answer) = try #require(steps.first) else {
      Issue.record("nothing was said")
      return
    }
    #expect(Array(answer[..<4]) == [UInt8(answer.count - 4), 0, 0, 1])
    #expect(Array(answer[36..<42]) == Array("edge".utf8) + [0, 0])
    #expect(Array(steps[1...]) == [.welcome([1, 0, 0, 0, 1])])
  }

  @Test(arguments: [1045, 1698])
  func `a server that denies the name takes sessions`(code: Int) {
    #expect(visit([Self.greeting, Self.error(2, code)]).last == .welcome([]))
  }

  @Test func `a server without room is not well, before or after the name`() {
    #expect(visit([Self.error(0, 1040)]) == [.refused(code: 1040)])
    #expect(visit([Self.greeting, Self.error(2, 1040)]).last == .refused(code: 1040))
    #expect(visit([Self.error(0, 1045)]) == [.refused(code: 1045)])
  }

  @Test func `another method is answered with no password, a few times`() {
    let change = Self.packet(2, [0xFE] + Array("caching_sha2_password".utf8) + [0])
    #expect(visit([Self.greeting, change, Self.ok])[1] == .say([0, 0, 0, 3]))
    #expect(visit([Self.greeting, change, change, change, change]).last == .malformed)
  }

  @Test(arguments: [
    [0, 0, 0, 0, 10], Array("HTTP/1.1 400 Bad Request\r\n".utf8), packet(0, [9, 1, 2]),
    packet(2, [0]),
    [2, 0, 0, 0, 0xFF, 0],
  ])
  func `what is no server of MySQL's is none`(said: [UInt8]) {
    #expect(visit([said]).first == .malformed)
  }
}
