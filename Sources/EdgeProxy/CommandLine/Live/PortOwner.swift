internal import CertStore
internal import EventLoop
internal import Glibc

/// Which process listens at an address, as the kernel's tables say.
struct PortOwner: Equatable {
  var process: Int32
  /// As `ps` shows it.
  var name: String

  /// `nil` where nobody does, or where it is not ours to see.
  static func find(_ address: SocketAddress) -> PortOwner? {
    guard let port = address.port else { return nil }
    let sockets = Set(["tcp", "tcp6"].flatMap { listening("/proc/net/\($0)", at: port) })
    guard !sockets.isEmpty else { return nil }
    for name in (try? CertificateDirectory.list("/proc")) ?? [] {
      guard let process = Int32(name) else { continue }
      let files = "/proc/\(name)/fd"
      for file in (try? CertificateDirectory.list(files)) ?? [] {
        guard let target = link("\(files)/\(file)"), sockets.contains(target) else { continue }
        return PortOwner(process: process, name: command(process))
      }
    }
    return nil
  }

  /// Whether it is an edgeproxy, under whatever name.
  var isEdgeProxy: Bool {
    name == "edgeproxy" || Self.link("/proc/\(process)/exe") == Self.link("/proc/self/exe")
  }

  private static let tableBytesMax = 16 << 20

  /// The sockets that listen at a port, as links to them are written: `socket:[4711]`.
  ///
  /// Columns of proc(5), `/proc/net/tcp`: the second is address and port in hexadecimal, the fourth the
  /// state, of which 0A is listening, the tenth the inode.
  private static func listening(_ table: String, at port: UInt16) -> [String] {
    guard let bytes = try? WholeFile.read(table, bytesMax: tableBytesMax) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      let columns = line.split(separator: " ")
      guard columns.count > 9, columns[3] == "0A",
        let digits = columns[1].split(separator: ":").last, UInt16(digits, radix: 16) == port
      else { return nil }
      return "socket:[\(columns[9])]"
    }
  }

  private static func command(_ process: Int32) -> String {
    let bytes = (try? WholeFile.read("/proc/\(process)/comm", bytesMax: 64)) ?? []
    return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
  }

  private static func link(_ path: String) -> String? {
    var space = [CChar](repeating: 0, count: Int(PATH_MAX))
    // SAFETY: the kernel writes at most what it is given.
    let count = unsafe readlink(path, &space, space.count)
    let bytes = space.prefix(max(0, count)).map(UInt8.init(bitPattern:))
    return count > 0 ? String(decoding: bytes, as: UTF8.self) : nil
  }
}
