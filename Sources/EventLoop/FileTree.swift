internal import CLinux
internal import Glibc

/// What a descriptor of a file or directory refers to.
package struct FileFacts: Equatable, Sendable {
  package enum Kind: Equatable, Sendable { case file, directory, other }

  package var kind: Kind
  package var bytesCount: Int64
  /// When the content was changed, since 1970.
  package var modifiedSeconds: Int64
  /// The part of that time below a second.
  package var modifiedNanoseconds: Int64
  /// When anything of the file was changed here, its name included, in nanoseconds since 1970.
  ///
  /// No program sets this time.
  package var changedNanoseconds: Int64

  package init(
    kind: Kind, bytesCount: Int64, modifiedSeconds: Int64, modifiedNanoseconds: Int64,
    changedNanoseconds: Int64 = 0
  ) {
    self.kind = kind
    self.bytesCount = bytesCount
    self.modifiedSeconds = modifiedSeconds
    self.modifiedNanoseconds = modifiedNanoseconds
    self.changedNanoseconds = changedNanoseconds
  }
}

/// Opens what lies below a directory, and nothing that does not.
///
/// Symbolic links are followed as long as what they lead to is below the directory, also where they
/// are written as absolute paths. Where the kernel or its sandbox has no `openat2`, no link below the
/// directory is followed at all.
package enum FileTree {
  /// How often an open is tried that was disturbed by a rename.
  private static let triesMax = 4

  /// Opens for reading, without waiting for the writer of a FIFO.
  ///
  /// `directory` and `path` end with a NUL. `path` is relative, without `..`; `.` is the directory.
  /// A path that leads outside fails with `EXDEV` or `ELOOP`.
  package static func open(
    directory: [UInt8], path: [UInt8]
  ) throws(SystemError) -> FileDescriptor {
    let root = try openRoot(directory)
    do throws(SystemError) {
      return try open(path, in: root, flags, beneath)
    } catch {
      switch error.code {
      // Sandboxes older than the call answer EPERM.
      case ENOSYS, EPERM: return try openByComponents(directory: directory, path: path)
      case EXDEV:
        guard let other = withoutLinks(path, in: root) else { throw error }
        return try open(other, in: root, flags, beneath)
      default: throw error
      }
    }
  }

  private static func open(
    _ path: [UInt8], in root: borrowing FileDescriptor, _ flags: Int32, _ resolve: Int32
  ) throws(SystemError) -> FileDescriptor {
    var how = open_how()
    how.flags = UInt64(flags)
    how.resolve = UInt64(resolve)
    for _ in 0..<triesMax {
      // SAFETY: the path ends with a NUL and lives for the length of the call.
      let raw = unsafe path.withUnsafeBytes { bytes in
        unsafe shim_openat2(
          root.raw, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), &how)
      }
      if raw >= 0 { return FileDescriptor(owning: raw) }
      guard errno == EAGAIN || errno == EINTR else { throw SystemError("openat2") }
    }
    throw SystemError("openat2", code: EAGAIN)
  }

  /// Another path to what a path leads to, below the same directory; `nil` where that is outside.
  ///
  /// It only names something. What has that name when it is opened counts, and nothing outside can.
  private static func withoutLinks(
    _ path: [UInt8], in root: borrowing FileDescriptor
  ) -> [UInt8]? {
    guard let found = try? open(path, in: root, pathOnly | O_CLOEXEC, RESOLVE_NO_MAGICLINKS),
      let whole = name(of: found), let start = name(of: root), whole.starts(with: start)
    else { return nil }
    guard whole.count > start.count else { return [UInt8(ascii: "."), 0] }
    guard whole[start.count] == UInt8(ascii: "/") else { return nil }
    // A slash at the end asks for a directory.
    let isDirectory = path.dropLast().last == UInt8(ascii: "/")
    return whole[(start.count + 1)...] + (isDirectory ? [UInt8(ascii: "/"), 0] : [0])
  }

  /// Where the kernel says that a descriptor leads.
  private static func name(of descriptor: borrowing FileDescriptor) -> [UInt8]? {
    var name = [CChar](repeating: 0, count: Int(PATH_MAX))
    // SAFETY: the buffer lives for the length of the call, which is told its size.
    let count = unsafe readlink("/proc/self/fd/\(descriptor.raw)", &name, name.count)
    guard count > 0, count < name.count else { return nil }
    return name.prefix(count).map { UInt8(bitPattern: $0) }
  }

  /// The same without `openat2`: one name after the other, no symbolic link among them.
  package static func openByComponents(
    directory: [UInt8], path: [UInt8]
  ) throws(SystemError) -> FileDescriptor {
    var current = try openRoot(directory)
    let whole = path.dropLast()
    let names = whole.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true)
    let endsWithSlash = whole.last == UInt8(ascii: "/")
    for (index, name) in names.enumerated() {
      guard !name.elementsEqual("..".utf8) else { throw SystemError("openat", code: EXDEV) }
      let isLast = index == names.count - 1
      let kind = isLast && !endsWithSlash ? 0 : O_DIRECTORY
      current = try openName(
        Array(name) + [0], in: current, kind | O_NOFOLLOW | (isLast ? flags : pathOnly | O_CLOEXEC))
    }
    return current
  }

  private static func openName(
    _ name: [UInt8], in directory: consuming FileDescriptor, _ flags: Int32
  ) throws(SystemError) -> FileDescriptor {
    // SAFETY: the name ends with a NUL and lives for the length of the call.
    let raw = unsafe name.withUnsafeBytes { bytes in
      unsafe shim_openat(
        directory.raw, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), flags)
    }
    guard raw >= 0 else { throw SystemError("openat") }
    return FileDescriptor(owning: raw)
  }

  /// Opened anew each time: a deployment may put another directory in its place.
  private static func openRoot(_ directory: [UInt8]) throws(SystemError) -> FileDescriptor {
    // SAFETY: as above.
    let raw = unsafe directory.withUnsafeBytes { bytes in
      unsafe shim_openat(
        AT_FDCWD, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        pathOnly | O_DIRECTORY | O_CLOEXEC)
    }
    guard raw >= 0 else { throw SystemError("open") }
    return FileDescriptor(owning: raw)
  }

  private static let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
  private static let beneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
  /// `O_PATH`, which hides behind _GNU_SOURCE.
  private static let pathOnly: Int32 = 0o10_000_000

  package static func facts(of raw: Int32) throws(SystemError) -> FileFacts {
    var found = stat()
    // SAFETY: the kernel fills a value of this frame within the call.
    guard unsafe fstat(raw, &found) == 0 else { throw SystemError("fstat") }
    let kind: FileFacts.Kind =
      switch found.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .directory
      default: .other
      }
    return FileFacts(
      kind: kind, bytesCount: Int64(found.st_size), modifiedSeconds: Int64(found.st_mtim.tv_sec),
      modifiedNanoseconds: Int64(found.st_mtim.tv_nsec),
      changedNanoseconds: Int64(found.st_ctim.tv_sec) &* 1_000_000_000
        &+ Int64(found.st_ctim.tv_nsec))
  }

  /// What a directory has but hidden names, at most `countMax` entries, in no order; `raw` stays the
  /// caller's.
  package static func entries(
    of raw: Int32, countMax: Int
  ) throws(SystemError) -> [DirectoryEntry] {
    let copy = dup(raw)
    guard copy >= 0 else { throw SystemError("dup") }
    guard let stream = unsafe fdopendir(copy) else {
      let error = SystemError("fdopendir")
      close(copy)
      throw error
    }
    defer { unsafe closedir(stream) }
    var entries: [DirectoryEntry] = []
    while entries.count < countMax, let entry = unsafe readdir(stream) {
      // SAFETY: the name ends with a NUL and is good until the next read.
      guard let name = unsafe shim_entry_name(entry) else { continue }
      let bytes = unsafe UnsafeRawBufferPointer(start: name, count: strlen(name))
      guard unsafe bytes.first != UInt8(ascii: ".") else { continue }
      let kind = unsafe entry.pointee.d_type
      unsafe entries.append(
        DirectoryEntry(name: Array(bytes), isDirectory: kind == UInt8(DT_DIR)))
    }
    return entries
  }
}

/// A name in a directory.
package struct DirectoryEntry: Equatable, Sendable {
  package var name: [UInt8]
  package var isDirectory: Bool

  package init(name: [UInt8], isDirectory: Bool) {
    self.name = name
    self.isDirectory = isDirectory
  }
}
