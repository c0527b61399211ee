internal import Glibc

/// A value that threads take turns with: a mutex of the C library around it.
///
/// The thread sanitizer knows this mutex. It does not see the one of `Synchronization`, and took
/// every value that two threads had handed over through it for a race.
@safe
package final class Guarded<Value: Sendable>: @unchecked Sendable {
  private var value: Value
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  package init(_ value: Value) {
    self.value = value
    // SAFETY: this object owns the mutex, which does not move, and destroys it in `deinit`, when
    // nobody can hold it.
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
  }

  // SAFETY: a thread that locks holds a reference, so none does any more.
  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Runs `body` while no other thread has the value.
  package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    // SAFETY: the mutex lives as long as this object, and is given back by the thread that took it.
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return body(&value)
  }
}
