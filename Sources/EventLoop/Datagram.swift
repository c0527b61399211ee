internal import CLinux
internal import Glibc

/// Single datagrams over unix sockets.
package enum Datagram {
  /// Sends one; nobody there is nobody's error.
  package static func send(_ bytes: [UInt8], to address: SocketAddress) {
    let raw = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard raw >= 0 else { return }
    let owner = FileDescriptor(owning: raw)
    _ = unsafe address.bytes.withUnsafeBytes { target in
      // SAFETY: the kernel reads both arrays during the call only.
      unsafe sendto(
        owner.raw, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT),
        target.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(target.count))
    }
  }
}
