internal import CLinux
internal import Glibc

/// Single datagrams, over unix sockets and UDP.
package enum Datagram {
  /// What a read came to.
  package enum Arrival: Equatable {
    /// So many bytes from there; a unix socket that was not bound has no address.
    case datagram(Int, from: SocketAddress?)
    /// Nothing is waiting, or it cannot be read.
    case none
  }

  /// Sends one; it is no error when nobody receives it.
  package static func send(_ bytes: [UInt8], to address: SocketAddress) {
    guard let owner = try? Socket.make(address.family, SOCK_DGRAM) else { return }
    send(bytes, to: address, through: owner.raw)
  }

  /// Sends one through a socket that is bound, which stays the caller's.
  package static func send(_ bytes: [UInt8], to address: SocketAddress, through raw: Int32) {
    _ = unsafe address.bytes.withUnsafeBytes { target in
      // SAFETY: the kernel reads both arrays during the call only.
      unsafe sendto(
        raw, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT),
        target.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(target.count))
    }
  }

  /// A socket that sends to one address and receives from it alone.
  ///
  /// The kernel chooses its own port at random. A read tells that nobody listens at the other.
  package static func connect(_ address: SocketAddress) throws(SystemError) -> FileDescriptor {
    let socket = try Socket.make(address.family, SOCK_DGRAM)
    let result = unsafe address.bytes.withUnsafeBytes { raw in
      // SAFETY: the kernel reads `count` bytes during the call; the array outlives it.
      unsafe Glibc.connect(
        socket.raw, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    guard result == 0 else { throw SystemError("connect") }
    return socket
  }

  /// Binds; `bufferBytes` are asked for to hold what comes in a burst, and the kernel may give less.
  ///
  /// `permissions` are those of a unix socket's file.
  package static func bind(
    _ address: SocketAddress, bufferBytes: Int32, permissions: UInt32? = nil
  ) throws(SystemError) -> FileDescriptor {
    let socket = try Socket.make(address.family, SOCK_DGRAM)
    // The file that `bind` makes has those of the socket, less the umask.
    if let permissions, fchmod(socket.raw, permissions) != 0 { throw SystemError("fchmod") }
    var one: Int32 = 1
    if address.family == .ipv6 {
      _ = unsafe setsockopt(
        socket.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, socklen_t(MemoryLayout<Int32>.size))
    }
    var size = bufferBytes
    // The first needs a privilege, the second stays within the system's own bound.
    if unsafe setsockopt(
      socket.raw, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size)) != 0
    {
      _ = unsafe setsockopt(
        socket.raw, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    let bound = unsafe address.bytes.withUnsafeBytes { raw in
      // SAFETY: the kernel reads `count` bytes during the call; the array outlives it.
      unsafe Glibc.bind(
        socket.raw, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    guard bound == 0 else { throw SystemError("bind") }
    return socket
  }

  /// Takes the next one; what does not fit `space` is cut off.
  package static func receive(_ raw: Int32, into space: inout MutableSpan<UInt8>) -> Arrival {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: the span and the address keep their memory alive and bound it for the length of the call.
    let count = unsafe space.withUnsafeMutableBytes { bytes in
      unsafe withUnsafeMutableBytes(of: &storage) { address in
        unsafe recvfrom(
          raw, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT),
          address.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
      }
    }
    guard count >= 0 else { return .none }
    let bytes = unsafe withUnsafeBytes(of: &storage) { unsafe Array($0.prefix(Int(size))) }
    return .datagram(count, from: SocketAddress(kernelBytes: bytes))
  }

  /// Whether somebody has bound the unix socket of that path.
  package static func isTaken(_ address: SocketAddress) -> Bool {
    guard let socket = try? Socket.make(address.family, SOCK_DGRAM) else { return true }
    let result = unsafe address.bytes.withUnsafeBytes { raw in
      // SAFETY: as in `bind`.
      unsafe Glibc.connect(
        socket.raw, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    return result == 0 || errno != ECONNREFUSED
  }
}
