internal import CLinux
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
  package struct Unreadable: Error {
    /// What the pair would be called.
    package let source: String
    /// The file.
    package let path: String
    package let error: SystemError
  }

  /// Where a pair lies.
  struct Place: Sendable {
    /// The file of the chain, by which the pair is called.
    let source: String
    /// `nil` where the key is in the same file.
    let key: String?

    init(source: String) { (self.source, key) = (source, nil) }

    init(folder: String) {
      (source, key) = (folder + "/fullchain.pem", folder + "/privkey.pem")
    }

    var files: [String] { [source] + (key.map { [$0] } ?? []) }
  }

  package let path: String
  private let changes: DirectoryWatch
  private var poll = DirectoryPoll()

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
    let items = ((try? Self.visible(path)) ?? []).map { path + "/" + $0 }
    let folders = items.filter(Self.isDirectory)
    changes.watch(path, folders: folders)
    poll.follow(
      [path] + items.filter { $0.hasSuffix(".pem") } + folders
        + folders.flatMap { Place(folder: $0).files })
  }

  /// Why changes are noticed late; `nil` while the kernel tells of them.
  package var watchFailure: String? { changes.failure.map { "\($0)" } }

  /// Looks at the next `count` of the files that `watch` has found, for changes that nobody tells.
  package func look(at count: Int) -> PollResult { poll.look(at: count) }

  /// Empties the queue of notifications; `true` when there were any that matter.
  package func drain() -> Bool { changes.drain() }

  /// What lies there now, and what could not be read.
  package func scan() throws(SystemError) -> (pairs: [Pair], unreadable: [Unreadable]) {
    var pairs: [Pair] = []
    var unreadable: [Unreadable] = []
    for place in try places() {
      switch Self.read(place) {
      case .success(let pair): pairs.append(pair)
      case .failure(let failure): unreadable.append(failure)
      }
    }
    return (pairs, unreadable)
  }

  /// The files with the private keys of what lies there now.
  package func keyPaths() throws(SystemError) -> [String] {
    try places().map { $0.key ?? $0.source }
  }

  /// Where pairs lie now.
  ///
  /// Hidden files are passed over: tools write under such names before they rename.
  func places() throws(SystemError) -> [Place] {
    var places: [Place] = []
    for name in try Self.visible(path) {
      let item = path + "/" + name
      if Self.isDirectory(item) {
        let place = Place(folder: item)
        guard place.files.contains(where: Self.exists) else { continue }
        places.append(place)
      } else if name.hasSuffix(".pem") {
        places.append(Place(source: item))
      }
    }
    return places
  }

  static func read(_ place: Place) -> Result<Pair, Unreadable> {
    var reading = place.source
    do throws(SystemError) {
      let chain = try read(place.source)
      var keyBytes: [UInt8]?
      if let key = place.key {
        reading = key
        keyBytes = try read(key)
      }
      return .success(
        Pair(
          source: place.source, chain: chain, key: keyBytes, keyPath: place.key ?? place.source))
    } catch {
      return .failure(Unreadable(source: place.source, path: reading, error: error))
    }
  }

  private static func visible(_ path: String) throws(SystemError) -> [String] {
    try list(path).filter { !$0.hasPrefix(".") }.sorted()
  }

  /// All names, or an error: a part of a directory would look like certificates taken away.
  package static func list(_ path: String) throws(SystemError) -> [String] {
    // SAFETY: the directory is ours until it is closed. An entry is as long as its name, so the array that
    // C declares is not all there; the name ends with a NUL, and is copied before the next one is read.
    guard let directory = unsafe opendir(path) else { throw SystemError("opendir") }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(directory) else { break }
      guard let name = unsafe shim_entry_name(entry) else { continue }
      let bytes = unsafe UnsafeRawBufferPointer(start: name, count: strlen(name))
      unsafe names.append(String(decoding: bytes, as: UTF8.self))
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
