internal import EventLoop
internal import Glibc

/// The bound socket of the administration; a unix one has a file that goes with it.
// SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in the
// frame that calls.
struct AdminSocket: ~Copyable {
  let address: SocketAddress
  private let descriptor: FileDescriptor
  /// Which file is ours: somebody may have put another in its place.
  private let file: FileIdentity?

  /// Its owner and its group may connect; the permissions of its directory apply as well.
  static let permissions: UInt32 = 0o660
  private static let directoryPermissions: UInt32 = 0o750
  private static let backlog: Int32 = 64

  /// Binds and listens; the file that a dead process left behind is replaced.
  ///
  /// Throws EADDRINUSE where somebody answers at the address, or where the path is something else than
  /// a socket. The directory of a unix socket is made where only it is missing.
  init(_ address: SocketAddress) throws(SystemError) {
    self.address = address
    if address.family == .unix {
      descriptor = try Self.bindFile(address)
      file = FileIdentity(address.host)
    } else {
      descriptor = try Socket.listen(address, reusePort: false, backlog: Self.backlog)
      file = nil
    }
  }

  var raw: Int32 { descriptor.raw }

  deinit {
    // Before the descriptor is closed: nobody finds a socket that refuses.
    if let file, FileIdentity(address.host) == file { _ = unsafe unlink(address.host) }
  }

  private static func bindFile(_ address: SocketAddress) throws(SystemError) -> FileDescriptor {
    let path = address.host
    let directory = Self.directory(of: path)
    _ = unsafe mkdir(directory, directoryPermissions)
    // Two that start at the same time must not take each other's new socket for a dead one.
    let lock = try DirectoryLock(directory)
    if try isLeftBehind(address) { _ = unsafe unlink(path) }
    let socket = try Socket.listen(
      address, reusePort: false, backlog: backlog, permissions: permissions)
    // What the umask took away.
    _ = unsafe chmod(path, permissions)
    _ = consume lock
    return socket
  }

  /// Whether a socket lies there at which nobody listens any more.
  private static func isLeftBehind(_ address: SocketAddress) throws(SystemError) -> Bool {
    var facts = stat()
    guard unsafe lstat(address.host, &facts) == 0, facts.st_mode & S_IFMT == S_IFSOCK else {
      return false
    }
    do throws(SystemError) {
      _ = try Socket.connect(address)
    } catch  where error.code == ECONNREFUSED {
      return true
    } catch {
      return false
    }
    return false
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
    return String(path[..<slash])
  }
}

/// What tells one file from another under the same path.
// SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in the
// frame that calls.
private struct FileIdentity: Equatable {
  let device: UInt64
  let number: UInt64

  init?(_ path: String) {
    var facts = stat()
    guard unsafe lstat(path, &facts) == 0 else { return nil }
    device = UInt64(facts.st_dev)
    number = UInt64(facts.st_ino)
  }
}

/// Keeps others that ask for it out of a directory while it lives; it never waits.
// SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in the
// frame that calls.
private struct DirectoryLock: ~Copyable {
  private let descriptor: FileDescriptor

  init(_ directory: String) throws(SystemError) {
    let raw = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw SystemError("open") }
    let descriptor = FileDescriptor(owning: raw)
    guard flock(raw, LOCK_EX | LOCK_NB) == 0 else { throw SystemError("flock") }
    self.descriptor = consume descriptor
  }
}
