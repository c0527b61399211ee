internal import HTTPCore

/// The body of an answer of our own, from its first byte to its last; it is sent from here, without a copy.
///
/// A page is written to `text`, whose storage is used again while it is small. One that many answers
/// have in common is `shared`.
struct OwnBody: ~Copyable {
  var text = TextBuffer(capacity: 0)
  /// The page, while there is one, and its bytes.
  private var shared: SharedPage?
  private var sharedBytes: [UInt8] = []
  private var sent = 0

  /// Storage kept for later answers.
  private static let keptBytes = 16 * 1024

  var count: Int { shared == nil ? text.count : sharedBytes.count }
  var isSent: Bool { sent >= count }

  /// What this body alone takes of the process's memory; shared pages count themselves.
  var memoryBytes: Int { text.capacity }

  /// What goes out next; it stays the same until `consume`.
  var front: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let bytes = shared == nil ? text.bytes : sharedBytes.span
      return bytes.extracting(sent..<bytes.count)
    }
  }

  /// Begins another body, which is empty.
  mutating func begin() {
    text.removeAll()
    shared = nil
    sharedBytes = []
    sent = 0
  }

  /// Begins a body that others share.
  mutating func begin(_ page: SharedPage) {
    begin()
    shared = page
    sharedBytes = page.bytes
  }

  mutating func consume(_ number: Int) { sent = min(sent + number, count) }

  /// Forgets the body; what is large goes back.
  mutating func reset() {
    begin()
    text.shrink(to: Self.keptBytes)
  }
}

/// Bytes that several answers send, counted once for as long as anybody has them.
final class SharedPage {
  let bytes: [UInt8]
  private let buffers: BufferPool

  init(_ bytes: [UInt8], countedIn buffers: BufferPool) {
    self.bytes = bytes
    self.buffers = buffers
    buffers.count(bytes.count)
  }

  deinit { buffers.count(-bytes.count) }
}

@available(*, unavailable) extension SharedPage: Sendable {}
