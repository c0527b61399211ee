internal import CLinux
internal import Glibc

/// Sockets made the way this program uses them: non-blocking and close-on-exec from the start.
package enum Socket {
  /// Binds and listens; `reusePort` lets each loop have a socket of its own on one address.
  ///
  /// `permissions` are those of a unix socket's file, which has no more at any instant.
  package static func listen(
    _ address: SocketAddress, reusePort: Bool, backlog: Int32 = 4096, permissions: UInt32? = nil
  ) throws(SystemError) -> FileDescriptor {
    let socket = try make(address.family)
    if let permissions {
      // The file that `bind` makes has those of the socket, less the umask.
      guard fchmod(socket.raw, permissions) == 0 else { throw SystemError("fchmod") }
    }
    if address.family != .unix {
      try set(socket.raw, SOL_SOCKET, SO_REUSEADDR, 1)
      if reusePort { try set(socket.raw, SOL_SOCKET, SO_REUSEPORT, 1) }
      // A wildcard of its own for each family; IPv4 is not served through the IPv6 socket.
      if address.family == .ipv6 { try set(socket.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    }
    let bound = unsafe address.bytes.withUnsafeBytes { raw in
      // SAFETY: the kernel reads `count` bytes during the call; the array outlives it.
      unsafe bind(
        socket.raw, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    guard bound == 0 else { throw SystemError("bind") }
    guard Glibc.listen(socket.raw, backlog) == 0 else { throw SystemError("listen") }
    return socket
  }

  /// Whether the kernel, and the limits that this process runs under, have sockets of a family.
  package static func knows(_ family: SocketAddress.Family) -> Bool {
    do throws(SystemError) {
      _ = try make(family)
      return true
    } catch {
      return error.code != EAFNOSUPPORT
    }
  }

  /// Accepts one connection; `nil` when none is waiting.
  ///
  /// A connection that died in the queue is passed over. Throws what the caller has to act on:
  /// EMFILE, ENFILE, ENOBUFS, ENOMEM.
  package static func accept(_ listener: Int32) throws(SystemError) -> FileDescriptor? {
    while true {
      let raw = accept4(
        listener, nil, nil, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
      if raw >= 0 { return FileDescriptor(owning: raw) }
      switch errno {
      case EAGAIN: return nil
      // These belong to one connection that is gone already, not to the listener: accept(2).
      case ECONNABORTED, EINTR, EPERM, EPROTO, ENOPROTOOPT, ENETDOWN, ENETUNREACH, EHOSTDOWN,
        EHOSTUNREACH, EOPNOTSUPP, ETIMEDOUT:
        continue
      default: throw SystemError("accept4")
      }
    }
  }

  /// Begins to connect.
  ///
  /// On loopback and a LAN the connection nearly always is there by the first write; until then
  /// writes would block. A full unix socket queue throws EAGAIN.
  ///
  /// With `speaksFirst` the last packet of the handshake waits up to 200 ms for bytes to travel with;
  /// a server that is to speak first would hear of the connection only then.
  package static func connect(
    _ address: SocketAddress, speaksFirst: Bool = true
  ) throws(SystemError) -> FileDescriptor {
    let socket = try make(address.family)
    if speaksFirst, address.family != .unix {
      // Delayed acknowledgements cost the peer nothing and save 5 to 8 % of CPU here.
      try? set(socket.raw, Int32(IPPROTO_TCP), TCP_QUICKACK, 0)
    }
    let result = unsafe address.bytes.withUnsafeBytes { raw in
      // SAFETY: as in `listen`.
      unsafe Glibc.connect(
        socket.raw, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    if result == 0 || errno == EINPROGRESS { return socket }
    throw SystemError("connect")
  }

  /// The error that a connection attempt ended with, 0 for none.
  package static func pendingError(_ raw: Int32) -> Int32 {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: value and size lie in this frame, and the size is that of the value.
    unsafe getsockopt(raw, SOL_SOCKET, SO_ERROR, &code, &size)
    return code
  }

  package static func setNoDelay(_ raw: Int32) {
    try? set(raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  /// Has the kernel acknowledge at once what has come, where it would have waited for bytes to travel with.
  package static func acknowledgeNow(_ raw: Int32) {
    try? set(raw, Int32(IPPROTO_TCP), TCP_QUICKACK, 1)
  }

  /// Has the kernel ask a peer that says nothing whether it is still there, so that a machine that
  /// was switched off is noticed after a minute and not after hours.
  package static func setKeepAlive(_ raw: Int32) {
    try? set(raw, SOL_SOCKET, SO_KEEPALIVE, 1)
    try? set(raw, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 30)
    try? set(raw, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10)
    try? set(raw, Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
  }

  /// Ends a connection whose peer has not acknowledged what it was sent for so long.
  ///
  /// That includes a peer that is there and takes nothing (its window stays closed).
  package static func setUserTimeout(_ raw: Int32, milliseconds: Int32) {
    try? set(raw, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, milliseconds)
  }

  /// Takes no more than so many bytes that have not been sent: what is written next is not far behind.
  package static func setUnsentMax(_ raw: Int32, bytes: Int32) {
    try? set(raw, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, bytes)
  }

  /// Sends what is queued and ends our side.
  package static func shutdownWriting(_ raw: Int32) {
    _ = shutdown(raw, Int32(SHUT_WR))
  }

  /// Makes `close` reset the connection instead of ending it in order.
  package static func resetOnClose(_ raw: Int32) {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    // SAFETY: the kernel reads a value of this frame, whose size it is told.
    _ = unsafe setsockopt(
      raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
  }

  package static func localAddress(_ raw: Int32) -> SocketAddress? {
    // SAFETY: the closure uses the pointers within the call that lends them.
    unsafe address { unsafe getsockname(raw, $0, $1) }
  }

  package static func peerAddress(_ raw: Int32) -> SocketAddress? {
    // SAFETY: the closure uses the pointers within the call that lends them.
    unsafe address { unsafe getpeername(raw, $0, $1) }
  }

  /// The process that listens at the other end of a unix socket; `nil` for other sockets.
  package static func peerProcess(_ raw: Int32) -> Int32? {
    credentials(raw).flatMap { $0[0] > 0 ? $0[0] : nil }
  }

  /// The user of the process at the other end of a unix socket when it connected; `nil` for other sockets.
  package static func peerUser(_ raw: Int32) -> UInt32? {
    credentials(raw).flatMap { $0[1] == -1 ? nil : UInt32(bitPattern: $0[1]) }
  }

  /// The kernel's `struct ucred`: process, user, group.
  private static func credentials(_ raw: Int32) -> [Int32]? {
    var credentials: [Int32] = [0, 0, 0]
    var size = socklen_t(credentials.count * MemoryLayout<Int32>.size)
    // SAFETY: the kernel writes at most `size` bytes, as many as the array has.
    let result = unsafe getsockopt(raw, SOL_SOCKET, SO_PEERCRED, &credentials, &size)
    return result == 0 ? credentials : nil
  }

  /// A connected pair of unix stream sockets.
  package static func pair() throws(SystemError) -> (Int32, Int32) {
    var raw: (Int32, Int32) = (-1, -1)
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    // SAFETY: the kernel writes two numbers of 32 bits into a pair of them.
    let result = unsafe withUnsafeMutableBytes(of: &raw) { bytes in
      unsafe socketpair(
        AF_UNIX, kind, 0, bytes.baseAddress?.assumingMemoryBound(to: Int32.self))
    }
    guard result == 0 else { throw SystemError("socketpair") }
    return raw
  }

  private static func address(
    _ call: (UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>) -> Int32
  ) -> SocketAddress? {
    var storage = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
    var size = socklen_t(storage.count)
    // SAFETY: the kernel writes at most `size` bytes, as many as the array has, and says how many
    // it took.
    let result = unsafe storage.withUnsafeMutableBytes { raw in
      unsafe call(raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
    }
    guard result == 0 else { return nil }
    return SocketAddress(kernelBytes: Array(storage.prefix(Int(size))))
  }

  /// An unbound socket that never blocks and that no child inherits.
  static func make(
    _ family: SocketAddress.Family, _ type: __socket_type = SOCK_STREAM
  ) throws(SystemError) -> FileDescriptor {
    let domain =
      switch family {
      case .ipv4: AF_INET
      case .ipv6: AF_INET6
      case .unix: AF_UNIX
      }
    let kind = Int32(type.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let raw = socket(domain, kind, 0)
    guard raw >= 0 else { throw SystemError("socket") }
    return FileDescriptor(owning: raw)
  }

  static func set(
    _ raw: Int32, _ level: Int32, _ option: Int32, _ value: Int32
  ) throws(SystemError) {
    var value = value
    // SAFETY: the kernel reads a value of this frame, whose size it is told.
    let result = unsafe setsockopt(
      raw, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    guard result == 0 else { throw SystemError("setsockopt") }
  }
}
