internal import CertStore
internal import Configuration

/// The servers of the fleet on disk, so that one that starts without etcd does not take itself for the only one.
///
/// One file, `dns/servers` in the state directory, replaced whole, with a line for each server: its name, and its value in etcd.
struct FleetCopy {
  private let directory: PrivateDirectory
  private static let fileName = "servers"
  private static let bytesMax = 1 << 20

  init(state: String) { directory = PrivateDirectory(path: state + "/dns") }

  /// What can be read of what was saved; `nil` where nothing was.
  func load() -> [KnownServer]? {
    let found = try? directory.read(Self.fileName, bytesMax: Self.bytesMax)
    return found.flatMap { $0 }.map(Self.decode)
  }

  static func decode(_ bytes: [UInt8]) -> [KnownServer] {
    var numbers: Set<Int> = []
    let servers = bytes.split(separator: UInt8(ascii: "\n")).compactMap { line -> KnownServer? in
      guard let space = line.firstIndex(of: UInt8(ascii: " ")),
        let node = NodeName.read(line[..<space])
      else { return nil }
      return KnownServer(node: node, value: Array(line[line.index(after: space)...]))
    }
    return Array(servers.filter { numbers.insert($0.number).inserted }.prefix(KnownServer.countMax))
  }

  static func encode(_ servers: [KnownServer]) -> [UInt8] {
    servers.flatMap { Array("\($0.node) ".utf8) + $0.value + [UInt8(ascii: "\n")] }
  }

  /// Returns why it could not be saved; `nil` when it could.
  func save(_ servers: [KnownServer]) -> String? {
    let bytes = Self.encode(servers)
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
