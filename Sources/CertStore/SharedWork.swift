internal import EventLoop
internal import TLS

/// The same work for many things, shared by the processors.
enum SharedWork {
  /// How many things a thread takes at a time; fewer than two such shares stay with the caller.
  private static let share = 32
  /// More threads than this wait for each other in OpenSSL.
  private static let threadsMax = 4

  /// The results, in the order of the things.
  static func map<Thing: Sendable, Result: Sendable>(
    _ things: [Thing], with tools: ParsingTools,
    _ body: @escaping @Sendable (Thing, ParsingTools) -> Result
  ) -> [Result] {
    let count = min(processorCount(), threadsMax, things.count / share)
    guard count > 1 else { return things.map { body($0, tools) } }
    let work = Work(things, body)
    // A thread that cannot be made leaves its shares to the others.
    let helpers = (1..<count).compactMap { _ in
      try? WorkerThread(name: "certificates") { work.take(ParsingTools()) }
    }
    work.take(tools)
    for helper in helpers { helper.join() }
    return work.results
  }

  private final class Work<Thing: Sendable, Result: Sendable>: Sendable {
    private let things: [Thing]
    private let body: @Sendable (Thing, ParsingTools) -> Result
    /// Where the next share begins.
    private let next = Guarded(0)
    private let done: Guarded<[[Result]]>

    init(_ things: [Thing], _ body: @escaping @Sendable (Thing, ParsingTools) -> Result) {
      self.things = things
      self.body = body
      done = Guarded([[Result]](repeating: [], count: (things.count + share - 1) / share))
    }

    /// Does share after share until none is left.
    func take(_ tools: ParsingTools) {
      while true {
        let begin = next.withLock { next in
          defer { next += share }
          return next
        }
        guard begin < things.count else { return }
        let results = things[begin..<min(begin + share, things.count)].map { body($0, tools) }
        done.withLock { $0[begin / share] = results }
      }
    }

    var results: [Result] { done.withLock { Array($0.joined()) } }
  }
}
