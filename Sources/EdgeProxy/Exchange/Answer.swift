internal import EventLoop
internal import HTTPCore

/// The answer of one exchange: where it comes from, and how far it has got.
///
///     none ──▶ instance, file ──▶ given ──▶ ended
///       ├──────────────────────────▲
///       └──▶ tunnel
///
/// It begins once: there is no way from another source to a second answer. Only this file changes it.
struct Answer {
  /// How the body that an instance sends is delimited, and what is still to come of it.
  enum Framing {
    case length(remaining: UInt64)
    case chunked(ChunkedDecoder)
    /// The first bytes will tell whether there are chunks.
    case perhapsChunked(ChunkOpening)
    case untilClose
  }

  enum Source {
    /// No answer has begun.
    case none
    case instance(Framing)
    /// `fileBody`, piece by piece.
    case file
    /// Everything has been taken from where it comes from, or was here from the beginning.
    case given
    /// Everything has gone to the client.
    case ended
    case tunnel
  }

  private(set) var source = Source.none
  /// The client could not take bytes when it was last asked.
  private(set) var clientIsFull = false
  /// The client has been slow for long enough that the disk takes over.
  private(set) var mayUseFile = false
  /// Runs while a full memory spool waits for the client.
  private(set) var patience = TimerToken.none
  /// What the body goes through.
  private(set) var compressor: BodyCompressor?
  /// What the instance's body is copied into, besides its way to the client.
  private(set) var copy: AnswerCopy?
  /// Runs while a body of declared length has paused and the compressor holds something back.
  private(set) var flushing = TimerToken.none

  /// The head of the final answer is with the driver: no other can follow it.
  var hasBegun: Bool {
    if case .none = source { return false }
    return true
  }

  /// More is to come from an instance.
  var comesFromInstance: Bool {
    if case .instance = source { return true }
    return false
  }

  /// The instance has said how long the body is.
  var hasLength: Bool {
    if case .instance(.length) = source { return true }
    return false
  }

  // MARK: The source

  mutating func begin(from source: Source) {
    if !hasBegun { self.source = source }
  }

  /// A part of the instance's body has come.
  mutating func advance(to framing: Framing) {
    if comesFromInstance { source = .instance(framing) }
  }

  mutating func give() {
    if hasBegun { source = .given }
  }

  mutating func end() {
    if case .given = source { source = .ended }
  }

  // MARK: The client

  mutating func clientFilled() { clientIsFull = true }
  mutating func clientTakes() { clientIsFull = false }

  mutating func useFile() { mayUseFile = true }

  /// The memory spool is full.
  mutating func waitForClient(_ timer: TimerToken) { patience = timer }
  mutating func patienceEnded() { patience = .none }

  // MARK: Compression

  mutating func compress(with compressor: BodyCompressor) { self.compressor = compressor }

  /// The body has paused.
  mutating func waitForMore(_ timer: TimerToken) { flushing = timer }
  mutating func pauseEnded() { flushing = .none }

  mutating func takeCompressor() -> BodyCompressor? {
    let taken = compressor
    compressor = nil
    return taken
  }

  // MARK: The copy

  mutating func copy(into copy: AnswerCopy) { self.copy = copy }

  /// The copy, which nothing is added to any more.
  mutating func takeCopy() -> AnswerCopy? {
    let taken = copy
    copy = nil
    return taken
  }
}
