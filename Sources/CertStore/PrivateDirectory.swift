package import EventLoop
internal import Glibc

/// A directory for its owner alone, whose files are replaced whole or not at all.
// SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in the
// frame that calls.
package struct PrivateDirectory {
  let path: String

  private static let temporaryPrefix = ".new-"

  package init(path: String) { self.path = path }

  package func path(_ name: String) -> String { path + "/" + name }

  /// Makes the directory where it is missing, and shuts it to others.
  package func prepare() throws(CopyError) {
    if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw failed("mkdir") }
    var facts = stat()
    guard unsafe stat(path, &facts) == 0 else { throw failed("stat") }
    guard facts.st_mode & S_IFMT == S_IFDIR else {
      throw .failed(path: path, SystemError("mkdir", code: ENOTDIR))
    }
    guard facts.st_mode & 0o077 != 0 else { return }
    if unsafe chmod(path, 0o700) != 0 { throw failed("chmod") }
  }

  /// The names in it but those of half-written files; empty where there is no directory.
  package func names() throws(CopyError) -> [String] {
    do throws(SystemError) {
      return try CertificateDirectory.list(path).filter { !$0.hasPrefix(".") }.sorted()
    } catch {
      if error.code == ENOENT { return [] }
      throw .failed(path: path, error)
    }
  }

  func has(_ name: String) -> Bool { unsafe access(path(name), F_OK) == 0 }

  /// Removes what a process that ended in the midst of writing has left.
  package func removeLeftovers() {
    for name in (try? CertificateDirectory.list(path)) ?? []
    where name.hasPrefix(Self.temporaryPrefix) {
      _ = unsafe unlink(path(name))
    }
  }

  /// The file's bytes, one more than `bytesMax` at most; `nil` where there is none.
  package func read(_ name: String, bytesMax: Int) throws(CopyError) -> [UInt8]? {
    do throws(SystemError) {
      return try WholeFile.read(path(name), bytesMax: bytesMax)
    } catch {
      if error.code == ENOENT { return nil }
      throw .failed(path: path(name), error)
    }
  }

  /// Puts a file in the place of the one of that name; it lasts once `sync` is done as well.
  ///
  /// It is written beside the old one and on the disk before it takes that one's name, so that neither
  /// a crash nor a full disk leaves half a file.
  package func write(_ name: String, _ bytes: [UInt8]) throws(CopyError) {
    // Another process may write at the same time while the program is replaced.
    let temporary = path("\(Self.temporaryPrefix)\(getpid())-\(name)")
    _ = unsafe unlink(temporary)
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let raw = unsafe open(temporary, flags, 0o600)
    guard raw >= 0 else { throw .failed(path: path(name), SystemError("open")) }
    let file = FileDescriptor(owning: raw)
    do throws(SystemError) {
      try Descriptor.writeAll(file.raw, bytes.span, at: 0)
      guard fsync(file.raw) == 0 else { throw SystemError("fsync") }
      guard unsafe rename(temporary, path(name)) == 0 else { throw SystemError("rename") }
    } catch {
      _ = unsafe unlink(temporary)
      throw .failed(path: path(name), error)
    }
  }

  package func remove(_ name: String) throws(CopyError) {
    guard unsafe unlink(path(name)) == 0 || errno == ENOENT else {
      throw .failed(path: path(name), SystemError("unlink"))
    }
  }

  /// Makes what was written and removed last over a loss of power.
  package func sync() throws(CopyError) {
    let raw = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw failed("open") }
    let directory = FileDescriptor(owning: raw)
    guard fsync(directory.raw) == 0 else { throw failed("fsync") }
  }

  /// Locks a file of this name for as long as what is returned lives; `nil` while another process has it.
  package func lock(_ name: String) throws(CopyError) -> FileDescriptor? {
    let raw = unsafe open(path(name), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard raw >= 0 else { throw failed("open") }
    let file = FileDescriptor(owning: raw)
    // The kernel gives the lock back with the process, however that ends.
    if flock(raw, LOCK_EX | LOCK_NB) == 0 { return file }
    guard errno == EWOULDBLOCK else { throw failed("flock") }
    return nil
  }

  private func failed(_ call: String) -> CopyError {
    .failed(path: path, SystemError(call))
  }
}

/// Why the copy on disk could not be written or read.
package enum CopyError: Error, Equatable, CustomStringConvertible {
  case failed(path: String, SystemError)
  case refused(path: String, reason: String)

  package var description: String {
    switch self {
    case .failed(let path, let error): "\(path): \(error)"
    case .refused(let path, let reason): "\(path): \(reason)"
    }
  }
}
