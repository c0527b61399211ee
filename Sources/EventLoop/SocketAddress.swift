internal import CLinux
internal import Glibc

/// An address that a socket can be bound or connected to: IPv4, IPv6 or a unix path.
///
/// The text forms are `192.0.2.1:443`, `[2001:db8::1]:443`, `unix:/run/x.sock` and, for the Linux
/// abstract name space, `unix:@name`.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// The bytes of the kernel's `sockaddr`, only as many as count.
  package let bytes: [UInt8]
  package let family: Family

  package enum Family: Sendable { case ipv4, ipv6, unix }

  /// The longest path that fits `sockaddr_un` with its terminating NUL.
  package static let unixPathBytesMax = 107

  /// Reads one of the text forms; `nil` where it is none of them.
  ///
  /// Host names are not resolved.
  package init?(_ text: String) {
    if text.hasPrefix("unix:") {
      self.init(unixPath: String(text.dropFirst(5)))
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
      let port = UInt16(digits)
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard host.contains(":") else { return nil }
    } else if host.contains(":") {
      return nil
    }
    self.init(ip: String(host), port: port)
  }

  /// Reads a numeric IPv4 or IPv6 address.
  package init?(ip: String, port: UInt16) {
    var v4 = in_addr()
    // SAFETY: the text is a C string for the length of a call; the value of this frame has the size
    // of its family, and its bytes are copied.
    if unsafe inet_pton(AF_INET, ip, &v4) == 1 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr = v4
      bytes = unsafe withUnsafeBytes(of: &address) { unsafe Array($0) }
      family = .ipv4
      return
    }
    var v6 = in6_addr()
    guard unsafe inet_pton(AF_INET6, ip, &v6) == 1 else { return nil }
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    address.sin6_addr = v6
    bytes = unsafe withUnsafeBytes(of: &address) { unsafe Array($0) }
    family = .ipv6
  }

  /// A unix socket: a path, or `@name` for the abstract name space.
  ///
  /// uWSGI binds abstract names with a trailing NUL that counts, so that is what is made here.
  package init?(unixPath path: String) {
    let utf8 = Array(path.utf8)
    guard !utf8.isEmpty, utf8.count <= Self.unixPathBytesMax, !utf8.contains(0) else { return nil }
    // SAFETY: the bytes of the number are copied while it lives.
    var raw: [UInt8] = unsafe withUnsafeBytes(of: sa_family_t(AF_UNIX)) { unsafe Array($0) }
    raw += utf8
    if utf8[0] == UInt8(ascii: "@") { raw[2] = 0 }
    raw.append(0)
    bytes = raw
    family = .unix
  }

  /// An address as the kernel returned it.
  package init?(kernelBytes raw: [UInt8]) {
    guard raw.count >= 2 else { return nil }
    let number = Int32(raw[0]) | Int32(raw[1]) << 8
    switch number {
    case AF_INET where raw.count >= MemoryLayout<sockaddr_in>.size: family = .ipv4
    case AF_INET6 where raw.count >= MemoryLayout<sockaddr_in6>.size: family = .ipv6
    case AF_UNIX: family = .unix
    default: return nil
    }
    bytes = raw
  }

  package var port: UInt16? {
    family == .unix ? nil : UInt16(bytes[2]) << 8 | UInt16(bytes[3])
  }

  /// Whether only this machine can connect: a unix path, 127.0.0.0/8 or ::1.
  package var isLocal: Bool {
    switch family {
    case .unix: true
    case .ipv4: bytes[4] == 127
    case .ipv6: bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
    }
  }

  /// The address alone, as text: `192.0.2.1`, `2001:db8::1`, or the path.
  package var host: String {
    switch family {
    case .unix:
      let path = bytes.dropFirst(2).prefix { $0 != 0 }
      if path.isEmpty, bytes.count > 3 {
        return "@" + String(decoding: bytes.dropFirst(3).prefix { $0 != 0 }, as: UTF8.self)
      }
      return String(decoding: path, as: UTF8.self)
    case .ipv4: return presentation(AF_INET, at: 4)
    case .ipv6: return presentation(AF_INET6, at: 8)
    }
  }

  package var description: String {
    switch family {
    case .unix: "unix:" + host
    case .ipv4: "\(host):\(port ?? 0)"
    case .ipv6: "[\(host)]:\(port ?? 0)"
    }
  }

  private func presentation(_ family: Int32, at offset: Int) -> String {
    var text = [CChar](repeating: 0, count: 46)
    // SAFETY: the array has the bytes of its family from `offset` on, and `text` as many as it
    // says.
    let found = unsafe bytes.withUnsafeBytes { raw in
      unsafe inet_ntop(family, raw.baseAddress?.advanced(by: offset), &text, socklen_t(text.count))
        != nil
    }
    guard found else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
