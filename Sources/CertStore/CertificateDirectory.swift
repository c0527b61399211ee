package import EventLoop
internal import CLinux
internal import Glibc

/// A directory of certificates: `*.pem` bundles, and `NAME/fullchain.pem` with `NAME/privkey.pem`.
package final class CertificateDirectory {
  /// One pair as it lies on disk, unchecked.
  package struct Pair {
    package let source: String
    package let chain: [UInt8]
    /// `nil` where the key is in the same file.
    package let key: [UInt8]?
  }

  package let path: String
  private let notifications: FileDescriptor?
  private var watched: [String: Int32] = [:]

  package init(_ path: String) {
    self.path = path
    let raw = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    notifications = raw >= 0 ? FileDescriptor(owning: raw) : nil
  }

  /// Readable when something in the directory has changed; `nil` where the kernel gives none.
  package var descriptor: Int32? {
    switch notifications {
    case .some(let file): file.raw
    case .none: nil
    }
  }

  /// Whether the kernel tells of changes; it cannot before the directory is there.
  package var isWatched: Bool { watched[path].map { $0 >= 0 } ?? false }

  /// Watches the directory and its folders, also those that came since the last call.
  package func watch() {
    add(path)
    for name in Self.list(path) where Self.isDirectory(path + "/" + name) {
      add(path + "/" + name)
    }
  }

  private func add(_ folder: String) {
    guard let descriptor else { return }
    let mask =
      UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_DELETE)
      | UInt32(IN_CREATE) | UInt32(IN_ONLYDIR)
    // Adding a folder again changes nothing; a folder that was replaced gets a watch of its own.
    watched[folder] = unsafe inotify_add_watch(descriptor, folder, mask)
  }

  /// Empties the queue of notifications; `true` when there were any.
  package func drain() -> Bool {
    guard let descriptor else { return false }
    var buffer = [UInt8](repeating: 0, count: 4096)
    var changed = false
    while true {
      var space = buffer.mutableSpan
      guard case .bytes = Descriptor.read(descriptor, into: &space) else { return changed }
      changed = true
    }
  }

  /// What lies there now, with what could not be read and why.
  package func scan() throws(SystemError) -> (pairs: [Pair], unreadable: [(String, SystemError)]) {
    guard let directory = unsafe opendir(path) else { throw SystemError("opendir") }
    unsafe closedir(directory)
    var pairs: [Pair] = []
    var unreadable: [(String, SystemError)] = []
    for name in Self.list(path).sorted() {
      let item = path + "/" + name
      do throws(SystemError) {
        if Self.isDirectory(item) {
          let chain = item + "/fullchain.pem"
          let key = item + "/privkey.pem"
          guard Self.exists(chain) || Self.exists(key) else { continue }
          pairs.append(
            Pair(source: chain, chain: try Self.read(chain), key: try Self.read(key)))
        } else if name.hasSuffix(".pem"), !name.hasPrefix(".") {
          pairs.append(Pair(source: item, chain: try Self.read(item), key: nil))
        }
      } catch {
        unreadable.append((item, error))
      }
    }
    return (pairs, unreadable)
  }

  private static func list(_ path: String) -> [String] {
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
        unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  private static func isDirectory(_ path: String) -> Bool {
    var facts = stat()
    return unsafe stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
  }

  private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  private static func read(_ path: String) throws(SystemError) -> [UInt8] {
    try WholeFile.read(path, bytesMax: 1 << 20)
  }
}

/// Files that are read whole.
package enum WholeFile {
  /// Reads at most `bytesMax` bytes and one more, so that a caller can tell that there are more.
  package static func read(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8] {
    let raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard raw >= 0 else { throw SystemError("open") }
    let file = FileDescriptor(owning: raw)
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 * 1024)
    while bytes.count <= bytesMax {
      var space = block.mutableSpan
      switch Descriptor.read(file.raw, into: &space) {
      case .bytes(let count): bytes += block[0..<count]
      case .closed: return bytes
      case .wouldBlock: return bytes
      case .failed(let error): throw error
      }
    }
    return bytes
  }
}
