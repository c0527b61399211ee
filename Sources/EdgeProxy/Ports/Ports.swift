internal import EventLoop
internal import Glibc

/// Binds the ports for all workers: one socket for each worker and address, so that the kernel
/// spreads connections (SO_REUSEPORT) and workers share nothing.
struct Ports {
  /// One socket on its way to its worker.
  struct Bound: Sendable {
    let worker: Int
    let descriptor: Int32
    let address: SocketAddress
    let kind: ListenerKind
  }

  struct Failure: Error, Equatable, CustomStringConvertible {
    let address: SocketAddress
    let error: SystemError
    var description: String { "cannot listen on \(address): \(error)" }

    /// Whether this machine does not have the address, so that no other process is in the way.
    var isAbsence: Bool { error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT }

    /// Whether trying again cannot help.
    var isPermanent: Bool { [EAFNOSUPPORT, EACCES, EPERM].contains(error.code) }

    /// What to do about it.
    var advice: String {
      switch error.code {
      case EADDRINUSE:
        "another process listens there: 'ss -ltnp sport = :\(address.port ?? 0)' names it"
      case EADDRNOTAVAIL:
        "no interface has this address: add it there, or take it out of 'listen'"
      case EAFNOSUPPORT:
        "the kernel or the unit does without \(address.family == .ipv6 ? "IPv6" : "IPv4"):"
          + " take the address out of 'listen'"
      case EACCES, EPERM:
        "ports below 1024 need CAP_NET_BIND_SERVICE, which the unit gives"
      default: "it is tried again each second"
      }
    }
  }

  /// Binds an address for each of `workers` workers, or for none.
  static func bind(
    _ address: SocketAddress, _ kind: ListenerKind, workers: Int
  ) throws(Failure) -> [Bound] {
    var bound: [Bound] = []
    do throws(SystemError) {
      // Another process on this port would take its share of the traffic without a word; a socket
      // that does not share finds it.
      var actual = address
      do {
        let probe = try Socket.listen(address, reusePort: false)
        if let found = Socket.localAddress(probe.raw) { actual = found }
      }
      for worker in 0..<workers {
        let socket = try Socket.listen(actual, reusePort: true)
        bound.append(
          Bound(
            worker: worker, descriptor: socket.release(), address: actual, kind: kind))
      }
    } catch {
      close(bound)
      throw Failure(address: address, error: error)
    }
    return bound
  }

  static func close(_ bound: [Bound]) {
    for socket in bound { _ = FileDescriptor(owning: socket.descriptor) }
  }
}
