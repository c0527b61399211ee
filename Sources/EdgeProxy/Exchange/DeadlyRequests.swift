internal import HTTPCore
internal import Synchronization

/// Requests that have just ended two instances, shared by all workers.
///
/// Sent again and again, by clients and by us, such a request takes a whole application down. For a
/// minute the same request, by its `RequestFingerprint`, gets one try and no second instance, and
/// what becomes of that one says nothing of its node. An answer clears it at once: two instances
/// that were killed for another reason must not cost a popular page its second tries.
///
/// The table has 1024 places of one word, 8 KiB. In a full row the oldest gives way, so that too
/// many such requests make it laxer, never stricter. Another request is taken for a remembered one
/// with a probability of 2⁻⁴².
final class DeadlyRequests: Sendable {
  /// Four requests whose numbers have the same low bits.
  private final class Row: Sendable {
    let slots = [4 of Atomic<UInt64>](initializingWith: { span in
      while !span.isFull { span.append(Atomic<UInt64>(0)) }
    })
  }

  static let secondsMax: UInt64 = 60
  private static let rowCount = 256
  /// 44 bits of the request's number, 20 of the time in seconds since the clock began: 12 days,
  /// then anew.
  private static let timeMask: UInt64 = 1 << 20 - 1

  private let rows = (0..<rowCount).map { _ in Row() }
  /// When one was last remembered, in seconds; nearly always long ago.
  private let newest = Atomic<Int64>(.min / 2)

  /// Whether any request is remembered, so that none has to be looked at otherwise.
  func isWatching(now: Int64) -> Bool {
    Self.seconds(now) - newest.load(ordering: .relaxed) <= Int64(Self.secondsMax)
  }

  /// Remembers a request from `now` on, in nanoseconds of a monotonic clock.
  func remember(_ fingerprint: UInt64, now: Int64) {
    let seconds = Self.seconds(now)
    let row = row(fingerprint)
    var place = 0
    var oldest: UInt64 = 0
    for index in 0..<4 {
      let word = row.slots[index].load(ordering: .relaxed)
      if Self.isOf(fingerprint, word) {
        place = index
        break
      }
      let age = word == 0 ? .max : Self.age(word, seconds)
      if age > oldest { (place, oldest) = (index, age) }
    }
    let word = fingerprint & ~Self.timeMask | UInt64(truncatingIfNeeded: seconds) & Self.timeMask
    row.slots[place].store(word, ordering: .relaxed)
    newest.store(seconds, ordering: .relaxed)
  }

  func contains(_ fingerprint: UInt64, now: Int64) -> Bool {
    let row = row(fingerprint)
    for index in 0..<4 {
      let word = row.slots[index].load(ordering: .relaxed)
      if word != 0, Self.isOf(fingerprint, word) {
        return Self.age(word, Self.seconds(now)) <= Self.secondsMax
      }
    }
    return false
  }

  /// The request was answered after all.
  func forget(_ fingerprint: UInt64) {
    let row = row(fingerprint)
    for index in 0..<4 {
      let word = row.slots[index].load(ordering: .relaxed)
      if Self.isOf(fingerprint, word) {
        _ = row.slots[index].compareExchange(expected: word, desired: 0, ordering: .relaxed)
      }
    }
  }

  /// The low bits, which the word has no room for, choose the row.
  private func row(_ fingerprint: UInt64) -> Row {
    rows[Int(fingerprint & UInt64(Self.rowCount - 1))]
  }

  private static func isOf(_ fingerprint: UInt64, _ word: UInt64) -> Bool {
    (word ^ fingerprint) & ~timeMask == 0
  }

  private static func age(_ word: UInt64, _ seconds: Int64) -> UInt64 {
    (UInt64(truncatingIfNeeded: seconds) &- word) & timeMask
  }

  private static func seconds(_ nanoseconds: Int64) -> Int64 { nanoseconds / 1_000_000_000 }
}

/// A number made of what a request asks for: method, host, target and the first KiB of its body.
///
/// It is Swift's own hash (SipHash), whose key is chosen at the start of the process, so that nobody
/// can make two requests with the same number.
struct RequestFingerprint {
  static let bodyBytesMax = 1024

  private var hasher = Hasher()

  init(_ head: borrowing RequestHead) {
    add(head.span(head.methodBytes))
    add(head.host.span)
    add(head.span(head.target))
  }

  /// Bytes, told apart from those before and after.
  mutating func add(_ bytes: borrowing Span<UInt8>) {
    hasher.combine(bytes.count)
    var word: UInt64 = 0
    for index in 0..<bytes.count {
      word = word << 8 | UInt64(bytes[index])
      if index & 7 == 7 {
        hasher.combine(word)
        word = 0
      }
    }
    if bytes.count & 7 != 0 { hasher.combine(word) }
  }

  var value: UInt64 { UInt64(bitPattern: Int64(hasher.finalize())) }
}
