internal import CertStore
internal import EventLoop

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

  /// What was saved; a damaged file is none.
  func load(prefix: String) -> [PeerEntry] {
    let found = try? directory.read(Self.fileName, bytesMax: Self.bytesMax)
    guard let bytes = found.flatMap({ $0 }) else { return [] }
    var entries: [PeerEntry] = []
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let words = rest[..<end].split(separator: UInt8(ascii: " "))
      guard words.count == 2, let count = Number.parse(String(decoding: words[1], as: UTF8.self)),
        count >= 0, rest.endIndex - (end + 1) >= count
      else { return entries }
      let value = Array(rest[(end + 1)...].prefix(count))
      let node = String(decoding: words[0], as: UTF8.self)
      let key = PeerEntry.key(prefix: prefix, node: node)
      if let entry = PeerEntry(key: key, value: value, prefix: prefix) { entries.append(entry) }
      rest = rest[(end + 1 + count)...]
    }
    return entries
  }

  /// Returns why it could not be saved; `nil` when it could.
  func save(_ entries: [PeerEntry], prefix: String) -> String? {
    var bytes: [UInt8] = []
    for entry in entries.sorted(by: { $0.node < $1.node }) {
      let value = entry.value
      bytes += Array("\(entry.node) \(value.count)\n".utf8) + value
    }
    do throws(CertificateCopyError) {
      guard try directory.read(Self.fileName, bytesMax: Self.bytesMax) != bytes else { return nil }
      try directory.prepare()
      try directory.write(Self.fileName, bytes)
      return nil
    } catch {
      return "\(error)"
    }
  }
}
