internal import CLinux
internal import Glibc

/// The one owner of a descriptor; closes it when it goes.
package struct FileDescriptor: ~Copyable, Sendable {
  package let raw: Int32

  /// Takes over an open descriptor.
  package init(owning raw: Int32) { self.raw = raw }

  /// Gives the descriptor up without closing it.
  package consuming func release() -> Int32 {
    let raw = raw
    discard self
    return raw
  }

  deinit { _ = Glibc.close(raw) }
}

/// What a read of a non-blocking descriptor came to.
package enum ReadOutcome: Equatable {
  case bytes(Int)
  case wouldBlock
  /// The peer has ended its side.
  case closed
  case failed(SystemError)
}

/// What a write to a non-blocking descriptor came to.
package enum WriteOutcome: Equatable {
  case bytes(Int)
  case wouldBlock
  case failed(SystemError)
}

/// Reads and writes; the descriptor stays the caller's.
package enum Descriptor {
  package static func read(_ raw: Int32, into space: inout MutableSpan<UInt8>) -> ReadOutcome {
    // SAFETY: the span keeps its memory alive and bounds the count for the length of the call.
    let count = unsafe space.withUnsafeMutableBytes { bytes in
      unsafe Glibc.read(raw, bytes.baseAddress, bytes.count)
    }
    if count > 0 { return .bytes(count) }
    if count == 0 { return .closed }
    let code = errno
    if code == EAGAIN || code == EINTR { return .wouldBlock }
    return .failed(SystemError("read", code: code))
  }

  /// Reads from a socket what stays there for the next read.
  package static func peek(_ raw: Int32, into space: inout MutableSpan<UInt8>) -> ReadOutcome {
    // SAFETY: as above.
    let count = unsafe space.withUnsafeMutableBytes { bytes in
      unsafe recv(raw, bytes.baseAddress, bytes.count, Int32(MSG_PEEK))
    }
    if count > 0 { return .bytes(count) }
    if count == 0 { return .closed }
    let code = errno
    if code == EAGAIN || code == EINTR { return .wouldBlock }
    return .failed(SystemError("recv", code: code))
  }

  package static func write(_ raw: Int32, _ bytes: borrowing Span<UInt8>) -> WriteOutcome {
    // SAFETY: as above.
    let count = unsafe bytes.withUnsafeBytes { bytes in
      unsafe Glibc.write(raw, bytes.baseAddress, bytes.count)
    }
    return outcome(count, "write")
  }

  /// Sends on a socket; `more` tells the kernel that the rest follows at once.
  package static func send(
    _ raw: Int32, _ bytes: borrowing Span<UInt8>, more: Bool = false
  ) -> WriteOutcome {
    let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
    // SAFETY: as above.
    let count = unsafe bytes.withUnsafeBytes { bytes in
      unsafe Glibc.send(raw, bytes.baseAddress, bytes.count, flags)
    }
    return outcome(count, "send")
  }

  /// Reads from a file at an offset; `.closed` is its end.
  package static func read(
    _ raw: Int32, at offset: Int64, into space: inout MutableSpan<UInt8>
  ) -> ReadOutcome {
    // SAFETY: as above.
    let count = unsafe space.withUnsafeMutableBytes { bytes in
      unsafe pread(raw, bytes.baseAddress, bytes.count, off_t(offset))
    }
    if count > 0 { return .bytes(count) }
    return count == 0 ? .closed : .failed(SystemError("pread"))
  }

  /// Writes all of `bytes` to a file at an offset.
  package static func writeAll(
    _ raw: Int32, _ bytes: borrowing Span<UInt8>, at offset: Int64
  ) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      // SAFETY: as above.
      let count = unsafe bytes.withUnsafeBytes { bytes in
        unsafe pwrite(
          raw, bytes.baseAddress?.advanced(by: done), bytes.count - done,
          off_t(offset + Int64(done)))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemError("pwrite") }
      done += count
    }
  }

  /// Sends a part of a file to a socket without a copy through this process.
  package static func sendFile(
    from file: Int32, at offset: Int64, count: Int, to socket: Int32
  ) -> WriteOutcome {
    var position = off_t(offset)
    // SAFETY: the kernel reads and writes the offset within the call.
    let count = unsafe sendfile(socket, file, &position, count)
    return outcome(count, "sendfile")
  }

  private static func outcome(_ count: Int, _ call: String) -> WriteOutcome {
    if count >= 0 { return .bytes(count) }
    let code = errno
    if code == EAGAIN || code == EINTR { return .wouldBlock }
    return .failed(SystemError(call, code: code))
  }

  /// Lets this process have as many descriptors as the system allows it; a shell's own limit is low.
  ///
  /// Returns how many these are.
  @discardableResult
  package static func raiseLimit() -> Int {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    // SAFETY: the kernel reads and writes the value within each call.
    guard unsafe getrlimit(resource, &limit) == 0 else { return .max }
    let before = limit.rlim_cur
    limit.rlim_cur = limit.rlim_max
    return Int(clamping: unsafe setrlimit(resource, &limit) == 0 ? limit.rlim_cur : before)
  }

  /// An open file in memory, gone with its descriptor.
  package static func memoryFile() throws(SystemError) -> FileDescriptor {
    let closeOnExec: UInt32 = 1  // MFD_CLOEXEC, hidden behind _GNU_SOURCE
    // SAFETY: the name is a C string for the length of the call.
    let raw = unsafe memfd_create("edgeproxy", closeOnExec)
    guard raw >= 0 else { throw SystemError("memfd_create") }
    return FileDescriptor(owning: raw)
  }

  /// An open file without a name in `directory`, gone with its descriptor.
  package static func unnamedFile(in directory: String) throws(SystemError) -> FileDescriptor {
    // __O_TMPFILE | O_DIRECTORY: the macro O_TMPFILE hides behind _GNU_SOURCE.
    let temporary: Int32 = 0o20_000_000 | O_DIRECTORY
    // SAFETY: paths are C strings for the length of each call; mkstemp writes within the template,
    // which ends with a NUL.
    let raw = unsafe Glibc.open(directory, temporary | O_RDWR | O_CLOEXEC, 0o600)
    if raw >= 0 { return FileDescriptor(owning: raw) }
    guard errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT else {
      throw SystemError("open")
    }
    // File systems without O_TMPFILE (overlay of old kernels): make a name and remove it at once.
    var template = Array((directory + "/edgeproxy.XXXXXX").utf8CString)
    let named = unsafe mkstemp(&template)
    guard named >= 0 else { throw SystemError("mkstemp") }
    _ = unsafe unlink(template)
    _ = fcntl(named, F_SETFD, FD_CLOEXEC)
    return FileDescriptor(owning: named)
  }
}
