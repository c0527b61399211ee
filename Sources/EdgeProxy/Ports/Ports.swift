internal import EventLoop
internal import Logging

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

  struct Failure: Error, CustomStringConvertible {
    let address: SocketAddress
    let error: SystemError
    var description: String { "cannot listen on \(address): \(error)" }
  }

  /// Binds `addresses` for each of `workers` workers: all of them, or none and an error.
  static func bind(
    _ addresses: [SocketAddress], _ kind: ListenerKind, workers: Int
  ) throws(Failure) -> [Bound] {
    var bound: [Bound] = []
    do throws(Failure) {
      for address in addresses { bound += try bind(address, kind, workers: workers) }
    } catch {
      close(bound)
      throw error
    }
    return bound
  }

  private static func bind(
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
