internal import EventLoop

/// Keeps one range of keys in step with etcd.
///
/// It asks for nothing itself: each input answers with the next `Step`, which its driver takes.
///
///     listing ── listed ──▶ watching ── compacted ──▶ listing
///        ▲                    ▲    │
///        │                    │    └── ended, refused ──▶ waiting ── timer ──▶ confirming
///        │                 confirmed                                               │  │
///        │                    └────────────────────────────────────────────────────┘  │
///        └── the store is another, or went back ──────────────────────────────────────┘
///
/// A call that fails while listing or confirming leads to waiting, too. A watch begins one revision
/// after the last one known, so that nothing is missed and nothing told twice. Before a watch is
/// taken up again the store's revision is asked for: etcd lets a watch from a revision yet to come
/// wait, and after a backup was restored it would wait for very long.
///
/// An input that does not belong to the state is late, and changes nothing.
package struct Watching {
  /// After so long without a message the driver asks the stream for progress.
  package static let progressPeriod = Duration.milliseconds(200)
  /// A stream that leaves so many requests for progress without a message has ended, TCP or not.
  ///
  /// They are counted and time is not, which passes while this process is busy, too.
  package static let unansweredMax = 2
  /// The most that the keys and values of a message in pieces may have, in bytes.
  package static let fragmentedBytesMax = 64 << 20

  package enum Step: Equatable, Sendable {
    /// Go on as before.
    case nothing
    /// Read the whole range, and answer with `listed` or `failed`.
    case list
    /// Read a header, with `RangeRequest.countOnly`, say, and answer with `confirmed` or `failed`.
    case confirm
    /// Open a stream, and answer with what comes on it and with `failed` when it ends.
    case watch(from: Int64)
    /// Close what is open, and answer with `timerFired` after so long.
    case wait(Duration)
  }

  /// Two things at once: what to do, and what there is to be told.
  package struct Outcome: Equatable, Sendable {
    package var step: Step
    /// `nil` unless the range was listed or has changed.
    package var changes: Changes?

    package init(_ step: Step, _ changes: Changes? = nil) {
      self.step = step
      self.changes = changes
    }
  }

  private enum State {
    case idle
    case listing
    case confirming
    case watching(Stream)
    case waiting(lists: Bool)
  }

  private struct Stream {
    var isCreated = false
    /// Nothing was told by this stream yet, and it began where a listing ended.
    var isFirstAfterListing: Bool
    /// The events of a message of which more is to come, and their size.
    var fragments: [Event] = []
    var fragmentedBytes = 0
  }

  package let range: KeyRange
  private var state = State.idle
  private var known: Knowledge?
  private var backoff: Backoff
  /// Why the last thing failed; `nil` while all is well.
  package private(set) var failure: String?

  package init(_ range: KeyRange, backoff: Backoff = Backoff()) {
    self.range = range
    self.backoff = backoff
  }

  /// Whether etcd tells us of changes now.
  package var isSynced: Bool {
    if case .watching(let stream) = state { stream.isCreated } else { false }
  }

  /// The revision up to which every change is known; `nil` before the first listing.
  package var lastSeen: Int64? { known?.revision }

  // MARK: Inputs

  package mutating func start() -> Step {
    guard case .idle = state else { return .nothing }
    state = .listing
    return .list
  }

  /// The range was read.
  ///
  /// What it says is true even where it is older than what we knew.
  package mutating func listed(_ header: ResponseHeader, _ keyValues: [KeyValue]) -> Outcome {
    guard case .listing = state else { return Outcome(.nothing) }
    let inRange = keyValues.filter { range.contains($0.key) }
    let (knowledge, changes) = Knowledge.replacing(known, with: header, inRange)
    known = knowledge
    failure = nil
    return Outcome(watch(isFirstAfterListing: true), changes)
  }

  /// A header was read, and what comes next depends on whether its store is the one we know.
  package mutating func confirmed(_ header: ResponseHeader) -> Step {
    guard case .confirming = state else { return .nothing }
    guard let known, known.isContinued(by: header) else {
      state = .listing
      return .list
    }
    failure = nil
    return watch(isFirstAfterListing: false)
  }

  /// The call failed or the stream ended.
  package mutating func failed(_ reason: String) -> Step {
    switch state {
    case .idle, .waiting: return .nothing
    case .listing: return wait(reason, lists: true)
    case .confirming, .watching: return wait(reason)
    }
  }

  /// The wait is over.
  package mutating func timerFired() -> Step {
    guard case .waiting(let lists) = state else { return .nothing }
    if lists {
      state = .listing
      return .list
    }
    state = .confirming
    return .confirm
  }

  /// A message came on the stream.
  package mutating func received(_ response: WatchResponse) -> Outcome {
    guard case .watching(var stream) = state else { return Outcome(.nothing) }
    // A refused watch is said to be created and canceled in one message.
    if response.isCanceled { return Outcome(canceled(response, stream)) }
    if response.isCreated {
      // Its revision is the store's, ahead of events that are still to come: no checkpoint.
      stream.isCreated = true
      state = .watching(stream)
      return Outcome(.nothing)
    }
    guard !response.events.isEmpty || response.isFragment || !stream.fragments.isEmpty else {
      return Outcome(progressed(response, stream))
    }
    stream.fragmentedBytes += response.events.reduce(0) { $0 + $1.keyValue.bytes }
    stream.fragments += response.events
    guard stream.fragmentedBytes <= Self.fragmentedBytesMax else {
      // The same watch would tell the same again; a listing comes in pages.
      return Outcome(
        wait("more than \(Self.fragmentedBytesMax) bytes changed at once", lists: true))
    }
    if response.isFragment {
      state = .watching(stream)
      return Outcome(.nothing)
    }
    let watched = range
    let changes = known?.take(stream.fragments, of: watched)
    guard known?.isTooMuch != true else {
      // The listing that follows finds the same, and what was told so far stays.
      return Outcome(
        wait("more keys or bytes than \(Listing.keysMax) or \(Listing.bytesMax)", lists: true))
    }
    state = .watching(Stream(isCreated: stream.isCreated, isFirstAfterListing: false))
    backoff.reset()
    return Outcome(.nothing, changes.flatMap { $0.isEmpty ? nil : $0 })
  }

  // MARK: Transitions

  /// A header without events.
  ///
  /// Only one of the watch itself says that no event before it is missing. An answer to
  /// `WatchRequest.progress`, with watch_id -1, comes past the queue of events in etcd before 3.4.25
  /// and 3.5.8 (etcd-io/etcd#15220), and means just that the stream is alive.
  private mutating func progressed(_ response: WatchResponse, _ stream: Stream) -> Step {
    if response.watchID >= 0 { known?.advance(to: response.header) }
    var stream = stream
    stream.isFirstAfterListing = false
    state = .watching(stream)
    backoff.reset()
    return .nothing
  }

  private mutating func canceled(_ response: WatchResponse, _ stream: Stream) -> Step {
    guard response.compactRevision > 0 else {
      return wait(response.cancelReason.isEmpty ? "the watch was canceled" : response.cancelReason)
    }
    // Our revision is not kept any more. A store that says so of what it just listed is asked again
    // with less haste.
    guard !stream.isFirstAfterListing else {
      return wait("revision \(response.compactRevision) was compacted at once", lists: true)
    }
    state = .listing
    return .list
  }

  private mutating func watch(isFirstAfterListing: Bool) -> Step {
    state = .watching(Stream(isFirstAfterListing: isFirstAfterListing))
    return .watch(from: (known?.revision ?? 0).saturatingAdd(1))
  }

  /// Waits, and goes on by confirming what is known or, with `lists`, by listing.
  private mutating func wait(_ reason: String, lists: Bool = false) -> Step {
    failure = reason
    state = .waiting(lists: lists)
    return .wait(backoff.next())
  }
}
