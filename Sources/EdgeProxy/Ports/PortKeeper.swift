internal import Configuration
internal import EventLoop
internal import Logging

/// Binds and closes the ports of all workers; 443 is open exactly while the gate says so.
struct PortKeeper {
  private var settings: ListenSettings
  private let workerCount: Int
  private let logger: Logger
  private var gate: PortGate
  /// The addresses as bound, for the log and for redirects.
  private var bound: [SocketAddress] = []
  /// Why the https port could not be bound the last time; `nil` once it could.
  private(set) var failure: Ports.Failure?
  /// Listeners besides https that are bound.
  private var opened: Set<ListenerKind> = []
  /// Why one of them could not be bound the last time, so that it is told once.
  private var failures: [ListenerKind: String] = [:]
  /// When the https port was last opened or closed, in seconds since 1970, and why.
  private(set) var change: (at: Int64, reason: String)

  init(_ settings: ListenSettings, workers: Int, logger: Logger) {
    self.settings = settings
    workerCount = workers
    self.logger = logger
    gate = PortGate(settings)
    change = (WallTime.seconds, "starting")
  }

  /// Whether the https port is bound.
  var isOpen: Bool { gate.isOpen }
  /// The addresses that the https port is, or would be, bound to.
  var addresses: [SocketAddress] {
    // Each worker has a socket of its own.
    isOpen
      ? bound.indices.filter { bound.firstIndex(of: bound[$0]) == $0 }.map { bound[$0] }
      : settings.https
  }

  /// Where clients of port 80 are sent.
  var httpsPort: UInt16 { bound.first?.port ?? settings.https.first?.port ?? 443 }

  /// Opens the ports that are open from the start.
  ///
  /// Port 80, because a certificate may have to be earned through it, and the tcp listeners: the
  /// applications here need what is behind them, whatever https can do.
  mutating func openAtStart(_ workers: [WorkerHandle]) throws(Ports.Failure) {
    hand(try bind([(.http, settings.http), (.tcp, settings.tcp.map(\.address))]), to: workers)
    opened = [.http, .tcp]
  }

  /// Opens the port for the other servers of the fleet where it is not open yet.
  ///
  /// They reach instances here through it, whatever https can do. One that somebody else has is tried
  /// again with the next call.
  mutating func openPeers(_ workers: [WorkerHandle]) { open(.peers, settings.peers, workers) }

  /// Opens the tcp listeners again, after `setAside`; the same holds.
  mutating func openSessions(_ workers: [WorkerHandle]) {
    open(.tcp, settings.tcp.map(\.address), workers)
  }

  private mutating func open(
    _ kind: ListenerKind, _ addresses: [SocketAddress], _ workers: [WorkerHandle]
  ) {
    guard !opened.contains(kind), !addresses.isEmpty else { return }
    do throws(Ports.Failure) {
      hand(try bind([(kind, addresses)]), to: workers)
      opened.insert(kind)
      failures[kind] = nil
    } catch {
      if failures[kind] != error.description { logger.error("\(error)") }
      failures[kind] = error.description
    }
  }

  /// The workers, which have been told to drain, close everything but http.
  mutating func setAside() { opened = [.http] }

  /// Binds all of them, or none.
  private func bind(
    _ wanted: [(ListenerKind, [SocketAddress])]
  ) throws(Ports.Failure) -> [Ports.Bound] {
    var bound: [Ports.Bound] = []
    do throws(Ports.Failure) {
      for (kind, addresses) in wanted {
        bound += try Ports.bind(addresses, kind, workers: workerCount)
      }
    } catch {
      Ports.close(bound)
      throw error
    }
    return bound
  }

  /// Opens or closes the port as the gate decides.
  ///
  /// `fleet` is asked where a port may only be closed when the other servers agree. `unableSince` is
  /// since when nothing could be served, where that took a while to find out.
  mutating func step(
    _ ability: Ability, unableSince: Instant? = nil, fleet: FleetPorts? = nil,
    workers: [WorkerHandle], now: Instant
  ) {
    fleet?.tell(
      isClosing: ability.isDraining || gate.wantsAgreement(ability, now: now.nanoseconds),
      isClosed: !gate.isOpen)
    let step = gate.update(
      ability, since: unableSince?.nanoseconds, agreed: fleet?.mayBeClosed, now: now.nanoseconds)
    switch step.action {
    case .none: break
    case .open: open(workers, now: now)
    case .close:
      bound = []
      change = (WallTime.seconds, ability.unable?.word.description ?? "unknown")
      for worker in workers { worker.post { $0.closeListeners { $0.kind == .https } } }
      logger.log(
        level: ability.isDraining ? .notice : .warning, "https port closed",
        metadata: ["reason": "\(change.reason)"])
    }
  }

  private mutating func open(_ workers: [WorkerHandle], now: Instant) {
    do throws(Ports.Failure) {
      let sockets = try Ports.bind(settings.https, .https, workers: workerCount)
      bound = sockets.map(\.address)
      hand(sockets, to: workers)
      failure = nil
      change = (WallTime.seconds, "able")
    } catch {
      // Somebody else has the port; it may become free.
      if failure == nil { logger.error("\(error)") }
      failure = error
      _ = gate.openFailed(now: now.nanoseconds)
    }
  }

  /// Sockets for other addresses, bound and not yet in use.
  struct Move {
    fileprivate let next: ListenSettings
    fileprivate let sockets: [Ports.Bound]
  }

  /// Binds what is new in other settings; nothing is given up yet.
  func plan(_ next: ListenSettings) throws(Ports.Failure) -> Move {
    let https = gate.isOpen ? next.https.filter { !settings.https.contains($0) } : []
    let known = settings.tcp.map(\.address)
    let peers = opened.contains(.peers) ? next.peers.filter { !settings.peers.contains($0) } : []
    let tcp = opened.contains(.tcp) ? next.tcp.map(\.address).filter { !known.contains($0) } : []
    let sockets = try bind([
      (.peers, peers),
      (.http, next.http.filter { !settings.http.contains($0) }), (.https, https),
      (.tcp, tcp),
    ])
    return Move(next: next, sockets: sockets)
  }

  /// Takes over other addresses; the workers have the configuration that goes with them.
  mutating func commit(_ move: Move, workers: [WorkerHandle]) {
    let next = move.next
    let gone =
      settings.http.filter { !next.http.contains($0) }
      + settings.https.filter { !next.https.contains($0) }
      + settings.peers.filter { !next.peers.contains($0) }
      + settings.tcp.map(\.address).filter { !next.tcp.map(\.address).contains($0) }
    let opened = move.sockets.filter { $0.kind == .https }.map(\.address)
    bound = bound.filter { !gone.contains($0) } + opened
    hand(move.sockets, to: workers)
    if !gone.isEmpty {
      for worker in workers { worker.post { $0.closeListeners { gone.contains($0.address) } } }
    }
    gate.reconfigure(next)
    settings = next
  }

  private func hand(_ sockets: [Ports.Bound], to workers: [WorkerHandle]) {
    for socket in sockets {
      workers[socket.worker].post {
        $0.open(
          FileDescriptor(owning: socket.descriptor), socket.address, socket.kind)
      }
      if socket.worker == 0 {
        logger.notice(
          "listening",
          metadata: ["protocol": "\(socket.kind.rawValue)", "address": "\(socket.address)"])
      }
    }
  }
}
