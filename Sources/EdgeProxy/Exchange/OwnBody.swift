internal import HTTPCore

/// The body of an answer of our own, from its first byte to its last; it is sent from here, without a copy.
///
/// A page is written to `text`, whose storage is used again while it is small. One that many answers
/// have in common is `shared`.
struct OwnBody: ~Copyable {
  var text = TextBuffer(capacity: 0)
  /// The page, while there is one, and its bytes.
  private var loan: SharedPage.Loan?
  private var sharedBytes: [UInt8] = []
  private var sent = 0

  /// Storage kept for later answers.
  private static let keptBytes = 16 * 1024

  var count: Int { loan == nil ? text.count : sharedBytes.count }
  var isSent: Bool { sent >= count }

  /// What this body alone takes of the process's memory; shared pages are counted by their loans.
  var memoryBytes: Int { text.capacity }

  /// What goes out next; it stays the same until `consume`.
  var front: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let bytes = loan == nil ? text.bytes : sharedBytes.span
      return bytes.extracting(sent..<bytes.count)
    }
  }

  /// Begins another body, which is empty.
  mutating func begin() {
    text.removeAll()
    loan = nil
    sharedBytes = []
    sent = 0
  }

  /// Begins a body that others share.
  mutating func begin(_ page: SharedPage) {
    begin()
    loan = SharedPage.Loan(page)
    sharedBytes = page.bytes
  }

  mutating func consume(_ number: Int) { sent = min(sent + number, count) }

  /// Forgets the body; what is large goes back.
  mutating func reset() {
    guard text.capacity > 0 || loan != nil else { return }
    begin()
    text.shrink(to: Self.keptBytes)
  }
}

/// Bytes that several answers send, counted once for as long as any of them has them.
final class SharedPage {
  let bytes: [UInt8]
  private let buffers: BufferPool
  private var lent = 0
  /// Lives as long as the page.
  private let kept: AnyObject?

  init(_ bytes: [UInt8], countedIn buffers: BufferPool, keeping kept: AnyObject? = nil) {
    self.bytes = bytes
    self.buffers = buffers
    self.kept = kept
  }

  /// The page in the hands of one answer, until this goes.
  struct Loan: ~Copyable {
    private let page: SharedPage

    init(_ page: SharedPage) {
      self.page = page
      page.lent += 1
      if page.lent == 1 { page.buffers.count(page.bytes.count) }
    }

    deinit {
      page.lent -= 1
      if page.lent == 0 { page.buffers.count(-page.bytes.count) }
    }
  }
}

@available(*, unavailable) extension SharedPage: Sendable {}
