internal import EventLoop
internal import HTTPCore

/// Which answers this worker has stored within the last second.
///
/// A page that is asked for a thousand times a second is stored once in each. The table has a fixed
/// size; where two answers have one place, one of them is stored more often.
final class RecentAnswers {
  private struct Mark {
    var value = 0
    var at = Instant(nanoseconds: .min)
  }

  private var marks: [Mark] = []
  private static let count = 4096
  private static let period = Duration.seconds(1)

  /// Whether the answer with this number was not stored for a second; it counts as stored from here on.
  func isDue(_ value: Int, now: Instant) -> Bool {
    if marks.isEmpty { marks = [Mark](repeating: Mark(), count: Self.count) }
    let place = Self.place(value)
    let mark = marks[place]
    guard mark.value != value || now - mark.at >= Self.period else { return false }
    marks[place] = Mark(value: value, at: now)
    return true
  }

  /// It was not stored after all.
  func clear(_ value: Int) {
    let place = Self.place(value)
    if place < marks.count, marks[place].value == value { marks[place] = Mark() }
  }

  private static func place(_ value: Int) -> Int {
    Int(UInt(bitPattern: value) % UInt(count))
  }
}

@available(*, unavailable) extension RecentAnswers: Sendable {}

/// The body of an answer that is being copied on its way to the client.
final class AnswerCopy {
  let key: StaleKey
  let selection: StaleSelection
  let terms: StorageTerms
  let status: Int
  private(set) var head: [UInt8]
  private(set) var body: [UInt8] = []
  private let bytesMax: Int
  private let mark: Int
  private let recent: RecentAnswers
  private let buffers: BufferPool
  private var counted = 0
  /// It has become too large, or the worker's memory is short.
  private(set) var isGivenUp = false

  init(
    key: StaleKey, selection: StaleSelection, terms: StorageTerms, status: Int, head: [UInt8],
    bytesMax: Int, mark: Int, recent: RecentAnswers, countedIn buffers: BufferPool
  ) {
    self.key = key
    self.selection = selection
    self.terms = terms
    self.status = status
    self.head = head
    self.bytesMax = bytesMax
    self.mark = mark
    self.recent = recent
    self.buffers = buffers
  }

  deinit {
    buffers.count(-counted)
    if !isKept { recent.clear(mark) }
  }

  private var isKept = false

  /// A body of so many bytes is to come.
  func expect(_ count: Int) { body.reserveCapacity(count) }

  func append(_ bytes: borrowing Span<UInt8>) {
    guard !isGivenUp else { return }
    guard head.count + body.count + bytes.count <= bytesMax, !buffers.isShort else {
      isGivenUp = true
      body = []
      return count()
    }
    body.append(copying: bytes)
    count()
  }

  private func count() {
    let now = body.capacity
    if now != counted { buffers.count(now - counted) }
    counted = now
  }

  /// The body in storage of its own size: storage grows in steps, and what is kept is counted by its
  /// bytes.
  private var exactBody: [UInt8] {
    guard body.capacity - body.count > body.count / 8 else { return body }
    var exact: [UInt8] = []
    exact.reserveCapacity(body.count)
    exact += body
    return exact
  }

  /// All of it has come; `nil` where it was given up.
  func finished(at now: Instant, limit: Duration) -> StaleAnswer? {
    guard !isGivenUp else { return nil }
    isKept = true
    StoredHead.end(&head, status: status, bodyCount: body.count)
    return StaleAnswer(
      key: key, selection: selection, head: head, body: exactBody, terms: terms, receivedAt: now,
      limit: limit)
  }
}

@available(*, unavailable) extension AnswerCopy: Sendable {}
