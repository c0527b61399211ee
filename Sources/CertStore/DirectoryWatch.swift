internal import CLinux
internal import EventLoop
internal import Glibc

/// The kernel's notifications of changes in a directory and its folders.
///
/// The directory above is watched as well, for the name of this one only: a directory may be renamed
/// away and another take its place, or come after the start.
final class DirectoryWatch {
  private let notifications: FileDescriptor?
  private let above: String
  /// The directory's own name with the bytes that the kernel uses for it.
  private let name: [UInt8]
  private var aboveWatch: Int32 = -1
  private var watches: Set<Int32> = []
  /// Whether the directory itself is watched; it cannot be before it is there.
  private(set) var isWatched = false
  /// Why the kernel does not tell of all changes; `nil` while it does.
  ///
  /// It gives each user so many instances and so many watches, and none of a file system where it does
  /// not know what others change.
  private(set) var failure: SystemError?

  private static let changes =
    UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_DELETE)
    | UInt32(IN_CREATE) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)
    | UInt32(IN_ONLYDIR)
  private static let arrivals = UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_ONLYDIR)

  init(_ path: String) {
    let raw = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    failure = raw >= 0 ? nil : SystemError("inotify_init1")
    notifications = raw >= 0 ? FileDescriptor(owning: raw) : nil
    var parts = path.split(separator: "/", omittingEmptySubsequences: true)
    name = parts.popLast().map { Array($0.utf8) } ?? []
    above = (path.hasPrefix("/") ? "/" : "./") + parts.joined(separator: "/")
  }

  var descriptor: Int32? {
    switch notifications {
    case .some(let file): file.raw
    case .none: nil
    }
  }

  /// Watches the directory and these folders of it from now on, and no others.
  ///
  /// A folder that does not exist is passed over.
  func watch(_ path: String, folders: [String]) {
    guard let descriptor else { return }
    var next: Set<Int32> = []
    // SAFETY: paths are C strings for the length of each call.
    let own = unsafe inotify_add_watch(descriptor, path, Self.changes)
    failure = Self.failure(own)
    isWatched = own >= 0
    if isWatched { next.insert(own) }
    for folder in folders where failure == nil {
      // Adding a directory again changes nothing; one that was replaced gets a watch of its own.
      let watch = unsafe inotify_add_watch(descriptor, folder, Self.changes)
      failure = Self.failure(watch)
      if watch >= 0 { next.insert(watch) }
    }
    for old in watches.subtracting(next) { _ = inotify_rm_watch(descriptor, old) }
    watches = next
    aboveWatch = unsafe inotify_add_watch(descriptor, above, Self.arrivals)
  }

  /// Why there is no watch; `nil` where there is one, and where what was to be watched is gone.
  private static func failure(_ watch: Int32) -> SystemError? {
    guard watch < 0, errno != ENOENT, errno != ENOTDIR, errno != EACCES else { return nil }
    return SystemError("inotify_add_watch")
  }

  /// Empties the queue of notifications; `true` when one of them is a change.
  func drain() -> Bool {
    guard let descriptor else { return false }
    var buffer = [UInt8](repeating: 0, count: 4096)
    var changed = false
    while true {
      var space = buffer.mutableSpan
      guard case .bytes(let count) = Descriptor.read(descriptor, into: &space) else {
        return changed
      }
      if matters(buffer.prefix(count)) { changed = true }
    }
  }

  /// Whether one of the events (inotify(7): watch, mask, cookie, name's length, name) is a change.
  private func matters(_ events: ArraySlice<UInt8>) -> Bool {
    var rest = events
    while rest.count >= 16 {
      let watch = Int32(truncatingIfNeeded: Self.number(rest))
      let mask = Self.number(rest.dropFirst(4))
      let length = Int(Self.number(rest.dropFirst(12)))
      let name = rest.dropFirst(16).prefix(length).prefix { $0 != 0 }
      rest = rest.dropFirst(16 + length)
      if mask & UInt32(IN_IGNORED) != 0 { continue }
      if watch != aboveWatch || name.elementsEqual(self.name) { return true }
    }
    return false
  }

  /// A 32-bit number in this machine's order of bytes.
  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var number: UInt32 = 0
    // SAFETY: at most the four bytes of the number are written.
    unsafe withUnsafeMutableBytes(of: &number) { unsafe $0.copyBytes(from: bytes.prefix(4)) }
    return number
  }
}
