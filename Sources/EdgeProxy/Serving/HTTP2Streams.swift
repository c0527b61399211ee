/// The streams of one connection whose end the session has not told yet.
///
/// Those that wait for room have their turns one after the other; whose turn it is stays right when
/// others leave.
struct HTTP2Streams {
  private(set) var all: [HTTP2Stream] = []
  /// The place of the stream whose turn is next.
  private var next = 0

  var count: Int { all.count }
  var isEmpty: Bool { all.isEmpty }

  subscript(id: Int32) -> HTTP2Stream? {
    for stream in all where stream.id == id { return stream }
    return nil
  }

  mutating func append(_ stream: HTTP2Stream) { all.append(stream) }

  mutating func remove(_ id: Int32) -> HTTP2Stream? {
    guard let index = all.firstIndex(where: { $0.id == id }) else { return nil }
    if next > index { next -= 1 }
    return all.remove(at: index)
  }

  mutating func removeAll() -> [HTTP2Stream] {
    let removed = all
    self = HTTP2Streams()
    return removed
  }

  /// The stream whose turn it is; the one behind it is next.
  mutating func takeTurn() -> HTTP2Stream? {
    if next >= all.count { next = 0 }
    guard next < all.count else { return nil }
    next += 1
    return all[next - 1]
  }
}
