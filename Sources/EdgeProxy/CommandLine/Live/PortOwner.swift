internal import CertStore
internal import EventLoop
internal import Glibc

/// Which process listens at an address, as the kernel's tables say.
struct PortOwner: Equatable {
  var process: Int32
  /// As `ps` shows it.
  var name: String

  /// What listens there.
  enum Kind: Sendable { case streams, datagrams }

  /// `nil` where nobody does, or where it is not ours to see.
  static func find(_ address: SocketAddress, _ kind: Kind = .streams) -> PortOwner? {
    let tables = kind == .streams ? ["tcp", "tcp6"] : ["udp", "udp6"]
    let state = kind == .streams ? "0A" : "07"
    let sockets = Set(
      tables.flatMap { table in
        let bytes = try? WholeFile.read("/proc/net/\(table)", bytesMax: tableBytesMax)
        return bound(String(decoding: bytes ?? [], as: UTF8.self), at: address, state)
      })
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

  /// The sockets of a table that are at an address, as links to them are written: `socket:[4711]`.
  ///
  /// Columns of proc(5), `/proc/net/tcp`: the second is address and port in hexadecimal, the fourth the
  /// state, of which 0A is listening and 07 a bound socket of UDP, the tenth the inode.
  static func bound(_ table: String, at address: SocketAddress, _ state: String) -> [String] {
    guard let port = address.port else { return [] }
    return table.split(separator: "\n").compactMap { line in
      let columns = line.split(separator: " ")
      guard columns.count > 9, columns[3] == state else { return nil }
      let place = columns[1].split(separator: ":")
      guard place.count == 2, UInt16(place[1], radix: 16) == port, meets(place[0], address) else {
        return nil
      }
      return "socket:[\(columns[9])]"
    }
  }

  /// Whether a socket at `digits` keeps others from `address`: one of them is every address, or they are the
  /// same.
  ///
  /// The digits are those of words of 32 bits in the order of this machine's bytes.
  private static func meets(_ digits: Substring, _ address: SocketAddress) -> Bool {
    let octets = address.family == .ipv4 ? address.bytes[4..<8] : address.bytes[8..<24]
    let isEvery = octets.allSatisfy { $0 == 0 } || digits.allSatisfy { $0 == "0" }
    var own = ""
    for word in stride(from: octets.startIndex, to: octets.endIndex, by: 4) {
      for octet in octets[word..<(word + 4)].reversed() {
        own += (octet < 16 ? "0" : "") + String(octet, radix: 16, uppercase: true)
      }
    }
    // IPv4 within IPv6, RFC 4291 §2.5.5.2.
    let mapped = "0000000000000000FFFF0000" + own
    return isEvery || digits == own || address.family == .ipv4 && digits == mapped
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
