internal import Synchronization

/// A number with one writer, which any thread may read.
struct Count: ~Copyable, Sendable {
  private let value = Atomic<Int>(0)

  /// Only the thread that writes it calls this.
  func add(_ number: Int = 1) {
    value.store(value.load(ordering: .relaxed) &+ number, ordering: .relaxed)
  }

  func set(_ number: Int) { value.store(number, ordering: .relaxed) }

  var now: Int { value.load(ordering: .relaxed) }
}
