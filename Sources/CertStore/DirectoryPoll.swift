/// Looks at files again and again, for changes of which the kernel does not tell: behind a link, on
/// another machine, or where there are no notifications left.
struct DirectoryPoll {
  private var seen: [(path: String, mark: FileMark?)] = []
  /// Where the round goes on.
  private var next = 0

  /// Looks at these from now on.
  mutating func follow(_ paths: [String]) {
    seen = paths.map { ($0, FileMark($0)) }
    next = 0
  }

  /// Looks at the next `count` files at most.
  mutating func look(at count: Int) -> PollResult {
    let end = min(next + count, seen.count)
    while next < end {
      let mark = FileMark(seen[next].path)
      if mark != seen[next].mark {
        seen[next].mark = mark
        next += 1
        return .changed
      }
      next += 1
    }
    guard next >= seen.count else { return .same }
    next = 0
    return .finished
  }
}

/// What a look at some of the files came to.
package enum PollResult: Sendable {
  /// There are more to be looked at, and they are no others so far.
  case same
  case changed
  /// All were looked at.
  case finished
}
