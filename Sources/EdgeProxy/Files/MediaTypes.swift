internal import CertStore
internal import EventLoop
internal import Glibc
internal import HTTPCore

/// The media types of files by the ends of their names.
///
/// They come from `/etc/mime.types`, which Debian's and Ubuntu's package `media-types` keeps up to
/// date with IANA's registry; what is not in there, or the whole where the file is missing, from
/// `builtIn`.
struct MediaTypes: Sendable {
  /// An extension of at most 16 bytes in lower case, as two numbers.
  private struct Key: Comparable {
    var high: UInt64 = 0
    var low: UInt64 = 0

    /// `nil` for what is longer.
    init?(_ name: borrowing Span<UInt8>) {
      guard name.count > 0, name.count <= 16 else { return nil }
      for index in 0..<16 {
        let byte = index < name.count ? UInt64(ASCII.lower(name[index])) : 0
        if index < 8 { high = high << 8 | byte } else { low = low << 8 | byte }
      }
    }

    static func < (left: Key, right: Key) -> Bool {
      (left.high, left.low) < (right.high, right.low)
    }
  }

  private var keys: [Key] = []
  private var places: [Int] = []
  private var types: [[UInt8]] = []
  /// The file that they were read from as it was then; `nil` for others than the system's.
  private var stamp: Stamp?

  /// What tells a file from the same file changed.
  private struct Stamp: Equatable {
    var inode: UInt64 = 0
    var bytesCount: Int64 = -1
    var seconds = 0
    var nanoseconds = 0

    /// A file that is not there is one as well.
    init(_ path: String) {
      var facts = stat()
      // SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in
      // the frame that calls.
      guard unsafe stat(path, &facts) == 0 else { return }
      inode = UInt64(facts.st_ino)
      bytesCount = Int64(facts.st_size)
      seconds = facts.st_mtim.tv_sec
      nanoseconds = facts.st_mtim.tv_nsec
    }
  }

  static let none = MediaTypes([])
  private static let fallback = Array("application/octet-stream".utf8)
  static let systemFile = "/etc/mime.types"
  private static let systemFileBytesMax = 1 << 20

  /// What this machine knows; `previous` where the file has not changed since that was read.
  static func ofSystem(
    previous: MediaTypes? = nil, file: String = systemFile
  ) -> MediaTypes {
    let stamp = Stamp(file)
    if let previous, previous.stamp == stamp { return previous }
    let text = try? WholeFile.read(file, bytesMax: systemFileBytesMax)
    var types = MediaTypes((text ?? []) + [ASCII.lineFeed] + Array(builtIn.utf8))
    types.stamp = stamp
    return types
  }

  /// Reads lines of `type extension extension …`.
  ///
  /// A `#` begins a comment. Of several types for one extension the first counts.
  init(_ text: [UInt8]) {
    var found: [(key: Key, place: Int)] = []
    for line in text.split(separator: ASCII.lineFeed) {
      let code = line.prefix { $0 != UInt8(ascii: "#") }
      let words = code.split { ASCII.isBlank($0) || $0 == ASCII.carriageReturn }
      guard let type = words.first, words.count > 1,
        type.allSatisfy({ ASCII.isToken($0) || $0 == UInt8(ascii: "/") })
      else { continue }
      types.append(Self.withCharset(Array(type)))
      for word in words.dropFirst() {
        if let key = Key(Array(word).span) { found.append((key, types.count - 1)) }
      }
    }
    found.sort { ($0.key, $0.place) < ($1.key, $1.place) }
    for (key, place) in found where keys.last != key {
      keys.append(key)
      places.append(place)
    }
  }

  /// Texts are taken for UTF-8, as everything that writes them today has it.
  private static func withCharset(_ type: [UInt8]) -> [UInt8] {
    type.starts(with: "text/".utf8) ? type + Array("; charset=utf-8".utf8) : type
  }

  /// The type of a path that ends with a NUL.
  func type(of path: [UInt8]) -> [UInt8] {
    var start = path.count - 1
    while start > 0, path[start - 1] != UInt8(ascii: "."), path[start - 1] != UInt8(ascii: "/") {
      start -= 1
    }
    guard start > 0, path[start - 1] == UInt8(ascii: "."),
      let key = Key(path.span.extracting(start..<(path.count - 1)))
    else { return Self.fallback }
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    guard low < keys.count, keys[low] == key else { return Self.fallback }
    return types[places[low]]
  }
}
