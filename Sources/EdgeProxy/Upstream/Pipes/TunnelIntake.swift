internal import HTTPCore

/// What a client has sent on a stream for a tunnel that has not taken it yet.
///
/// It holds no more than the stream's window, which opens again only as the tunnel takes bytes.
struct TunnelIntake: ~Copyable {
  private var bytes: [UInt8] = []
  private var start = 0
  /// Bytes by which the window of the whole connection is kept back for this stream.
  private(set) var owed = 0

  var isEmpty: Bool { start == bytes.count }
  var count: Int { bytes.count - start }

  /// Keeps what came; with `owing` the connection's window waits for it too.
  mutating func append(_ piece: borrowing Span<UInt8>, owing: Bool) {
    if owing { owed += piece.count }
    if start > count {
      bytes.removeFirst(start)
      start = 0
    }
    bytes.append(copying: piece)
  }

  /// Moves bytes to `space`; returns how many, and how many of them the connection was owed.
  mutating func take(into space: inout MutableSpan<UInt8>) -> (count: Int, owed: Int) {
    let count = min(self.count, space.count)
    Self.copy(bytes.span.extracting(start..<(start + count)), to: &space)
    start += count
    if isEmpty {
      // An idle tunnel holds no memory.
      bytes = []
      start = 0
    }
    return (count, settle(count))
  }

  /// Forgets everything; returns what the connection was owed.
  mutating func clear() -> Int {
    bytes = []
    start = 0
    return settle(owed)
  }

  private static func copy(_ bytes: borrowing Span<UInt8>, to space: inout MutableSpan<UInt8>) {
    // SAFETY: the caller has taken care that the bytes fit; both spans bound their memory.
    unsafe bytes.withUnsafeBytes { from in
      unsafe space.withUnsafeMutableBytes { to in unsafe to.copyMemory(from: from) }
    }
  }

  private mutating func settle(_ count: Int) -> Int {
    let settled = min(count, owed)
    owed -= settled
    return settled
  }
}
