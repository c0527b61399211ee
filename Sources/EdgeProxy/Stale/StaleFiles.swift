internal import CertStore
internal import EventLoop
internal import Glibc
internal import Synchronization

/// The body of an answer on the disk; the file goes with this.
// SAFETY: paths are C strings for the length of each call.
final class StaleFile: Sendable {
  private let path: String

  init(path: String) { self.path = path }

  deinit { _ = unsafe unlink(path) }

  /// What is in the file, if it is as long as it has to be.
  func read(count: Int) -> [UInt8]? {
    let raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard raw >= 0 else { return nil }
    let file = FileDescriptor(owning: raw)
    // One byte more would be another file.
    var bytes = [UInt8](repeating: 0, count: count + 1)
    var done = 0
    while done < bytes.count {
      var space = bytes.mutableSpan
      var rest = space._mutatingExtracting(done..<(count + 1))
      guard case .bytes(let read) = Descriptor.read(file.raw, at: Int64(done), into: &rest) else {
        break
      }
      done += read
    }
    guard done == count else { return nil }
    bytes.removeLast()
    return bytes
  }
}

/// Where bodies of kept answers lie.
///
/// Nothing is recovered from it: what a process has left is removed when the next one starts.
// SAFETY: as above.
final class StaleDirectory: Sendable {
  private let path: String
  /// Distinguishes the files of this process.
  private let next = Atomic<Int>(0)
  /// Nanoseconds of the monotonic clock until which nothing is written.
  private let restsUntil = Atomic<Int64>(.min)
  /// What the last file failed with; `nil` after one that was written.
  private let lastFailure = Guarded<SystemError?>(nil)

  /// After a file that the disk did not take.
  private static let rest = Duration.seconds(10)

  init(path: String) { self.path = path }

  var failure: SystemError? { lastFailure.withLock { $0 } }

  /// Whether the disk is worth a try.
  func takesFiles(at now: Instant) -> Bool {
    now.nanoseconds >= restsUntil.load(ordering: .relaxed)
  }

  /// Writes a file; `nil` where the disk does not take it.
  func write(_ bytes: [UInt8], now: Instant) -> StaleFile? {
    let number = next.wrappingAdd(1, ordering: .relaxed).newValue
    let name = "\(path)/\(getpid())-\(number)"
    do throws(SystemError) {
      try write(bytes, to: name)
      lastFailure.withLock { $0 = nil }
      return StaleFile(path: name)
    } catch {
      _ = unsafe unlink(name)
      lastFailure.withLock { $0 = error }
      restsUntil.store((now + Self.rest).nanoseconds, ordering: .relaxed)
      return nil
    }
  }

  private func write(_ bytes: [UInt8], to name: String) throws(SystemError) {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    var raw = unsafe Glibc.open(name, flags, 0o600)
    if raw < 0, errno == ENOENT {
      _ = unsafe mkdir(path, 0o700)
      raw = unsafe Glibc.open(name, flags, 0o600)
    }
    guard raw >= 0 else { throw SystemError("open") }
    let file = FileDescriptor(owning: raw)
    try Descriptor.writeAll(file.raw, bytes.span, at: 0)
  }

  /// Where they lie below the directory of state.
  static func path(in state: String) -> String { state + "/stale" }

  /// Removes what a process before has left.
  static func clear(in state: String) {
    let path = path(in: state)
    for name in (try? CertificateDirectory.list(path)) ?? [] where isOurs(name) {
      _ = unsafe unlink(path + "/" + name)
    }
  }

  /// `PROCESS-NUMBER`.
  private static func isOurs(_ name: String) -> Bool {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
  }
}
