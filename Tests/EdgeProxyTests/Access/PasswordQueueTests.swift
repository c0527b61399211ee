import EventLoop
import HTTPCore
import Passwords
import Testing

@testable import EdgeProxy

@Suite("Passwords that wait to be checked")
struct PasswordQueueTests {
  private static let hash = "$2y$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G"
  private let found: UserTable.Found

  init() throws {
    let table = UserTable.read(Array("alice:\(Self.hash)".utf8)).table
    found = try #require(table.find(Array("alice".utf8)))
  }

  private func order(_ password: String, of client: UInt32) -> PasswordQueue.Order {
    let bytes = Array(password.utf8)
    return PasswordQueue.Order(
      mark: PasswordMark(key: [1], user: [65], password: bytes, hash: found.hash),
      client: IPAddress(ipv4: client), password: bytes, expected: found,
      until: Instant(nanoseconds: 0), replies: [{ _ in }])
  }

  @Test func `the clients take turns, however many one of them has brought`() {
    var queue = PasswordQueue()
    for number in 0..<5 { #expect(queue.add(order("guess\(number)", of: 1)).isNew) }
    #expect(queue.add(order("second", of: 2)).isNew)
    #expect(queue.add(order("third", of: 3)).isNew)
    var seen: [UInt64] = []
    while let next = queue.next() {
      seen.append(next.client.low & 0xff)
      #expect(queue.finish(next.mark).count == 1)
    }
    #expect(seen == [1, 2, 3, 1, 1, 1, 1])
    #expect(queue.count == 0)
  }

  @Test func `one client has few places, and all clients together have a bound`() {
    var queue = PasswordQueue()
    for number in 0..<PasswordQueue.ordersOfClientMax {
      #expect(queue.add(order("\(number)", of: 1)).refusal == nil)
    }
    #expect(queue.add(order("one more", of: 1)).refusal == .tooManyOfClient)
    for client in 0..<PasswordQueue.ordersMax - PasswordQueue.ordersOfClientMax {
      #expect(queue.add(order("a", of: 1000 + UInt32(client))).refusal == nil)
    }
    #expect(queue.add(order("a", of: 9)).refusal == .full)
    // What is there already costs no further check.
    let again = queue.add(order("0", of: 1))
    #expect(again.refusal == nil && !again.isNew)
  }

  @Test func `the same password is checked once, also while it is being checked`() throws {
    var queue = PasswordQueue()
    #expect(queue.add(order("a", of: 1)).isNew)
    #expect(!queue.add(order("a", of: 1)).isNew)
    #expect(queue.add(order("a", of: 2)).isNew)
    let next = queue.next()
    let first = try #require(next)
    #expect(!queue.add(order("a", of: 3)).isNew)
    // That of the second client joins the one under way.
    #expect(queue.next() == nil)
    #expect(queue.finish(first.mark).count == 4)
    #expect(queue.add(order("a", of: 1)).isNew)
  }

  @Test func `what was right is known for a while, and the oldest gives way`() {
    var verified = VerifiedPasswords(countMax: 3)
    let start = Instant(nanoseconds: 0)
    let marks = (0..<5).map { order("\($0)", of: 1).mark }
    for mark in marks { verified.note(mark, now: start) }
    #expect(marks.map { verified.hold($0, now: start) } == [false, false, true, true, true])
    #expect(!verified.hold(marks[4], now: start + VerifiedPasswords.period))
    // Noted again it takes no second place.
    for _ in 0..<9 { verified.note(marks[4], now: start + VerifiedPasswords.period) }
    #expect(verified.count == 3 && verified.hold(marks[4], now: start + .seconds(601)))
  }

  @Test func `a mark is another for another user, password, hash or process`() throws {
    let other = try PasswordHash(
      Array("$2y$04$nGuJmYaLF5BA4cbPqMWmUOpCqCJoiBTx/IcVlaW/MoCs.MoAVCZjC".utf8))
    let marks = [
      PasswordMark(key: [1], user: [65], password: [66], hash: found.hash),
      PasswordMark(key: [2], user: [65], password: [66], hash: found.hash),
      PasswordMark(key: [1], user: [66], password: [66], hash: found.hash),
      PasswordMark(key: [1], user: [65], password: [67], hash: found.hash),
      PasswordMark(key: [1], user: [65], password: [66], hash: other),
      PasswordMark(key: [1], user: [65, 66], password: [], hash: found.hash),
    ]
    #expect(Set(marks).count == marks.count)
  }
}
