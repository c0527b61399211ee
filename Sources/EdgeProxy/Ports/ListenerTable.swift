internal import EventLoop
internal import Logging

/// The addresses that the workers should listen on: those that are bound, and why others are not.
///
/// An address that cannot be bound leaves the others alone. It is told once, is a warning in status,
/// and is tried again with each call of `open`: an address of keepalived comes, another server lets go of the
/// port. A try is two system calls, so it costs nothing to try each second.
struct ListenerTable {
  /// One address of the configuration.
  struct Place: Hashable {
    let kind: ListenerKind
    let address: SocketAddress

    /// What its warning goes by.
    var key: String { "listen \(kind.rawValue) \(address)" }
  }

  private let workerCount: Int
  private let logger: Logger
  private let warnings: Warnings
  /// What the kernel made of each: port 0 is any.
  private var bound: [Place: SocketAddress] = [:]
  private var failures: [Place: Ports.Failure] = [:]
  /// Counts the changes of `bound` and `failures`.
  private(set) var version = 0

  init(workers: Int, logger: Logger, warnings: Warnings) {
    workerCount = workers
    self.logger = logger
    self.warnings = warnings
  }

  /// Binds those that are not bound yet; returns whether any of them all is bound now.
  @discardableResult
  mutating func open(
    _ kind: ListenerKind, _ addresses: [SocketAddress], _ workers: [WorkerHandle]
  ) -> Bool {
    for address in addresses where bound[Place(kind: kind, address: address)] == nil {
      do throws(Ports.Failure) {
        take(address, try Ports.bind(address, kind, workers: workerCount), to: workers)
      } catch {
        failed(error, kind)
      }
    }
    return addresses.contains { bound[Place(kind: kind, address: $0)] != nil }
  }

  /// Takes over what was bound for an address.
  mutating func take(
    _ address: SocketAddress, _ sockets: [Ports.Bound], to workers: [WorkerHandle]
  ) {
    guard let first = sockets.first else { return }
    let place = Place(kind: first.kind, address: address)
    bound[place] = first.address
    failures[place] = nil
    version += 1
    warnings.clear(place.key)
    for socket in sockets {
      workers[socket.worker].post {
        $0.open(FileDescriptor(owning: socket.descriptor), socket.address, socket.kind)
      }
    }
    logger.notice(
      "listening", metadata: ["protocol": "\(first.kind.rawValue)", "address": "\(first.address)"])
  }

  /// Tells that an address cannot be listened on, unless that is known.
  mutating func failed(_ failure: Ports.Failure, _ kind: ListenerKind) {
    let place = Place(kind: kind, address: failure.address)
    if failures[place] != failure { version += 1 }
    failures[place] = failure
    guard warnings.raise(place.key, "\(failure)", advice: failure.advice) else { return }
    logger.log(
      level: failure.isAbsence ? .warning : .error, "\(failure)",
      metadata: ["protocol": "\(kind.rawValue)", "advice": "\(failure.advice)"])
  }

  /// Has the workers close what `matches`, and forgets it; what is not bound is not missed any more.
  mutating func close(_ workers: [WorkerHandle], where matches: (Place) -> Bool) {
    let gone = bound.filter { matches($0.key) }.map { (kind: $0.key.kind, address: $0.value) }
    forget(where: matches)
    guard !gone.isEmpty else { return }
    for worker in workers {
      worker.post { worker in
        worker.closeListeners { listener in
          gone.contains { $0.kind == listener.kind && $0.address == listener.address }
        }
      }
    }
  }

  /// Forgets what the workers close by themselves.
  mutating func forget(where matches: (Place) -> Bool) {
    for place in failures.keys where matches(place) { warnings.clear(place.key) }
    failures = failures.filter { !matches($0.key) }
    bound = bound.filter { !matches($0.key) }
    version += 1
  }

  func isBound(_ place: Place) -> Bool { bound[place] != nil }

  /// The addresses as bound, in the order of those that are asked for.
  func addresses(_ kind: ListenerKind, _ asked: [SocketAddress]) -> [SocketAddress] {
    asked.compactMap { bound[Place(kind: kind, address: $0)] }
  }

  /// Why an address of those that are asked for is not bound.
  func failures(_ kind: ListenerKind, _ asked: [SocketAddress]) -> [Ports.Failure] {
    asked.compactMap { failures[Place(kind: kind, address: $0)] }
  }

  /// A listener that is bound and has a port in common, which may be why an address is in use.
  func neighbour(of address: SocketAddress) -> SocketAddress? {
    bound.values.first { $0 != address && $0.port == address.port && $0.family == address.family }
  }
}
