internal import CertStore
internal import Configuration
internal import EventLoop
internal import TLS

/// The servers of the fleet on disk, so that one that starts without etcd knows the others.
///
/// One file, replaced whole: for each server its name, the length of its value in etcd, and that value.
struct PeerCopy {
  private let directory: PrivateDirectory
  private static let fileName = "servers"
  private static let bytesMax = 16 << 20

  init(state: String) {
    directory = PrivateDirectory(path: PeerCredentials.directory(state: state))
  }

  /// What can be read of what was saved, and what cannot: a damaged entry costs itself.
  func load(prefix: String) -> (entries: [PeerEntry], mistakes: [String]) {
    let found = try? directory.read(Self.fileName, bytesMax: Self.bytesMax)
    return found.flatMap { $0 }.map { Self.decode($0, prefix: prefix) } ?? ([], [])
  }

  /// Reads entry after entry.
  ///
  /// Where one is not whole, reading goes on with the next line that begins one: no line of a certificate
  /// does.
  static func decode(
    _ bytes: [UInt8], prefix: String
  ) -> (entries: [PeerEntry], mistakes: [String]) {
    var entries: [PeerEntry] = []
    var mistakes: [String] = []
    var isLost = false
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")), entries.count < PeerEntry.countMax {
      let line = rest[..<end]
      let behind = rest[(end + 1)...]
      if let (entry, count) = entry(line, behind, prefix: prefix) {
        entries.append(entry)
        rest = behind.dropFirst(count)
        isLost = false
      } else {
        if !isLost { mistakes.append("'\(KeyText.text(Array(line.prefix(64))))'") }
        isLost = true
        rest = behind
      }
    }
    if !rest.isEmpty, !isLost { mistakes.append("its last line is cut") }
    return (entries, mistakes)
  }

  private static func entry(
    _ line: ArraySlice<UInt8>, _ behind: ArraySlice<UInt8>, prefix: String
  ) -> (PeerEntry, Int)? {
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count == 2, let node = NodeName.read(words[0]),
      let count = Number.parse(String(decoding: words[1], as: UTF8.self)),
      count >= 1, count <= behind.count,
      let entry = PeerEntry(
        key: PeerEntry.key(prefix: prefix, node: node), value: Array(behind.prefix(count)),
        prefix: prefix)
    else { return nil }
    return (entry, count)
  }

  /// Returns why it could not be saved; `nil` when it could.
  func save(_ entries: [PeerEntry], prefix: String) -> String? {
    var bytes: [UInt8] = []
    for entry in entries.sorted(by: { $0.node < $1.node }) {
      let value = entry.value
      // What could not be read back is not written.
      guard value.count <= NodeCertificate.bytesMax else { continue }
      bytes += Array("\(entry.node) \(value.count)\n".utf8) + value
    }
    do throws(CopyError) {
      guard try directory.read(Self.fileName, bytesMax: Self.bytesMax) != bytes else { return nil }
      try directory.prepare()
      try directory.write(Self.fileName, bytes)
      return nil
    } catch {
      return "\(error)"
    }
  }
}
