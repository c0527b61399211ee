internal import EventLoop

/// The end of a connection whose last answer is out: our side is shut, and what the client still
/// sends is read and thrown away.
///
/// A client that writes its whole request before it reads has to get so far. Were the connection
/// closed while bytes of it are unread, the kernel would reset it, and the client would not see the
/// answer that tells why the request was refused. There is no limit of bytes, since they take no
/// memory, but one of time.
struct Lingering: Equatable {
  /// From the last answer to the end, whatever the client does.
  static let longest = Duration.seconds(30)
  /// Without a byte from a client that has not sent all it announced.
  static let silence = Duration.seconds(5)
  /// The same where nothing more is expected, as from one that keeps its side open and is idle.
  static let shortSilence = Duration.seconds(2)

  private let until: Instant
  private let silence: Duration

  init(since now: Instant, expectsMore: Bool) {
    until = now + Self.longest
    silence = expectsMore ? Self.silence : Self.shortSilence
  }

  /// How long it may be silent from now on.
  func patience(now: Instant) -> Duration {
    min(silence, until - now)
  }

  /// Throws away a block of what has come.
  static func discard(from raw: Int32, _ buffers: BufferPool) -> ReadOutcome {
    var block = buffers.take()
    defer { buffers.give(block) }
    var space = block.mutableSpan
    return Descriptor.read(raw, into: &space)
  }
}

/// The connections of a worker that linger, in the order in which they began.
///
/// They are no use to anybody but their own clients, so the oldest ends where another connection
/// needs its place.
struct LingeringConnections {
  /// `nil` for those that have left.
  private var queue: [Connection?] = []
  /// The oldest is there, or further behind.
  private var first = 0
  /// The number of the first place of the queue; numbers grow for ever.
  private var base = 0
  private(set) var count = 0

  /// Places of connections that have left, at the front, before they are given back.
  private static let idlePlacesMax = 64

  var oldest: Connection? { count > 0 ? queue[first] : nil }

  var all: [Connection] { queue.compactMap(\.self) }

  mutating func add(_ connection: Connection) {
    connection.index = base + queue.count
    queue.append(connection)
    count += 1
  }

  /// `false` where it is not there, or not any more.
  mutating func remove(_ connection: Connection) -> Bool {
    let place = connection.index - base
    guard queue.indices.contains(place), queue[place] === connection else { return false }
    connection.index = -1
    queue[place] = nil
    count -= 1
    while first < queue.count, queue[first] == nil { first += 1 }
    guard first > Self.idlePlacesMax, first > queue.count / 2 else { return true }
    queue.removeFirst(first)
    base += first
    first = 0
    return true
  }
}
