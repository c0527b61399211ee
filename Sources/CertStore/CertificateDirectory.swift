package import EventLoop
internal import Glibc

/// A directory of certificates: `*.pem` bundles, and `NAME/fullchain.pem` with `NAME/privkey.pem`.
package final class CertificateDirectory {
  /// One pair as it lies on disk, unchecked.
  package struct Pair {
    package let source: String
    package let chain: [UInt8]
    /// `nil` where the key is in the same file.
    package let key: [UInt8]?
    /// The file that the private key is in.
    package let keyPath: String
  }

  /// A pair of which a file could not be read.
  package struct Unreadable {
    /// What the pair would be called.
    package let source: String
    /// The file.
    package let path: String
    package let error: SystemError
  }

  package let path: String
  private let changes: DirectoryWatch

  package init(_ path: String) {
    self.path = path
    changes = DirectoryWatch(path)
  }

  /// Readable when something in the directory has changed; `nil` where the kernel gives none.
  package var descriptor: Int32? { changes.descriptor }

  /// Whether the kernel tells of changes; it cannot before the directory is there.
  package var isWatched: Bool { changes.isWatched }

  /// Watches the directory and its folders, also those that came since the last call.
  package func watch() {
    let names = (try? Self.visible(path)) ?? []
    changes.watch(path, folders: names.map { path + "/" + $0 }.filter(Self.isDirectory))
  }

  /// Empties the queue of notifications; `true` when there were any that matter.
  package func drain() -> Bool { changes.drain() }

  /// What lies there now, and what could not be read.
  ///
  /// Hidden files are passed over: tools write under such names before they rename.
  package func scan() throws(SystemError) -> (pairs: [Pair], unreadable: [Unreadable]) {
    var pairs: [Pair] = []
    var unreadable: [Unreadable] = []
    for name in try Self.visible(path) {
      let item = path + "/" + name
      let chain: String
      var key: String?
      if Self.isDirectory(item) {
        chain = item + "/fullchain.pem"
        let beside = item + "/privkey.pem"
        guard Self.exists(chain) || Self.exists(beside) else { continue }
        key = beside
      } else {
        guard name.hasSuffix(".pem") else { continue }
        chain = item
      }
      var reading = chain
      do throws(SystemError) {
        let chainBytes = try Self.read(chain)
        var keyBytes: [UInt8]?
        if let key {
          reading = key
          keyBytes = try Self.read(key)
        }
        pairs.append(
          Pair(
            source: chain, chain: chainBytes, key: keyBytes, keyPath: key ?? chain))
      } catch {
        unreadable.append(Unreadable(source: chain, path: reading, error: error))
      }
    }
    return (pairs, unreadable)
  }

  private static func visible(_ path: String) throws(SystemError) -> [String] {
    try list(path).filter { !$0.hasPrefix(".") }.sorted()
  }

  /// All names, or an error: a part of a directory would look like certificates taken away.
  package static func list(_ path: String) throws(SystemError) -> [String] {
    // SAFETY: the directory is ours until it is closed; the name of an entry ends with a NUL within
    // its array, and is copied before the next one is read.
    guard let directory = unsafe opendir(path) else { throw SystemError("opendir") }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(directory) else { break }
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
        unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      names.append(name)
    }
    guard errno == 0 else { throw SystemError("readdir") }
    return names
  }

  private static func isDirectory(_ path: String) -> Bool {
    var facts = stat()
    // SAFETY: the path is a C string for the length of the call, which fills a value of this frame.
    return unsafe stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
  }

  /// Only a file that is certainly not there counts as gone; any other trouble shows when it is read.
  private static func exists(_ path: String) -> Bool {
    // SAFETY: the path is a C string for the length of the call.
    unsafe access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)
  }

  private static func read(_ path: String) throws(SystemError) -> [UInt8] {
    try WholeFile.read(path, bytesMax: 1 << 20)
  }
}
