internal import Configuration
internal import EventLoop
internal import Logging

/// Opens and closes the ports of all workers; 443 is open exactly while the gate says so.
struct PortKeeper {
  private var settings: ListenSettings
  private let logger: Logger
  private var gate: PortGate
  private var listeners: ListenerTable
  /// What is to be listened on now, besides https.
  private var wanted: Set<ListenerKind> = []
  /// When the https port was last opened or closed, in seconds since 1970, and why.
  private(set) var change: (at: Int64, reason: String)

  init(_ settings: ListenSettings, workers: Int, logger: Logger, warnings: Warnings) {
    self.settings = settings
    self.logger = logger
    listeners = ListenerTable(workers: workers, logger: logger, warnings: warnings)
    gate = PortGate(settings)
    change = (WallTime.seconds, "starting")
  }

  /// Whether the https port is bound.
  var isOpen: Bool { gate.isOpen }
  /// The addresses that the https port is, or would be, bound to.
  var addresses: [SocketAddress] {
    isOpen ? listeners.addresses(.https, settings.https) : settings.https
  }

  /// Where clients of port 80 are sent.
  var httpsPort: UInt16 {
    let bound = listeners.addresses(.https, settings.https).first
    return bound?.port ?? settings.https.first?.port ?? 443
  }

  /// Why the https port could not be bound the last time; `nil` while an address of it is.
  var failure: Ports.Failure? {
    isOpen ? nil : listeners.failures(.https, settings.https).first
  }

  /// Opens the ports that are open from the start.
  ///
  /// Port 80, because a certificate may have to be earned through it, and the tcp listeners: the
  /// applications here need what is behind them, whatever https can do.
  mutating func openAtStart(_ workers: [WorkerHandle]) {
    wanted = [.http, .tcp]
    openAgain(workers)
  }

  /// Opens the port for the other servers of the fleet.
  ///
  /// They reach instances here through it, whatever https can do.
  mutating func openPeers(_ workers: [WorkerHandle]) {
    wanted.insert(.peers)
    listeners.open(.peers, settings.peers, workers)
  }

  /// Opens the tcp listeners again, after `setAside`.
  mutating func openSessions(_ workers: [WorkerHandle]) {
    wanted.insert(.tcp)
    listeners.open(.tcp, addresses(of: .tcp), workers)
  }

  /// Tries what is wanted and could not be bound; called every second.
  mutating func openAgain(_ workers: [WorkerHandle]) {
    for kind in [ListenerKind.http, .tcp, .peers] where wanted.contains(kind) {
      listeners.open(kind, addresses(of: kind), workers)
    }
    if gate.isOpen { listeners.open(.https, settings.https, workers) }
  }

  /// The workers, which have been told to drain, close everything but http.
  mutating func setAside() {
    wanted = [.http]
    listeners.forget { $0.kind != .http }
  }

  private func addresses(of kind: ListenerKind) -> [SocketAddress] { settings.addresses(of: kind) }

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
      change = (WallTime.seconds, ability.unable?.word.description ?? "unknown")
      listeners.close(workers) { $0.kind == .https }
      guard !settings.https.isEmpty else { break }
      logger.log(
        level: ability.isDraining ? .notice : .warning, "https port closed",
        metadata: ["reason": "\(change.reason)"])
    }
  }

  private mutating func open(_ workers: [WorkerHandle], now: Instant) {
    if listeners.open(.https, settings.https, workers) || settings.https.isEmpty {
      change = (WallTime.seconds, "able")
    } else {
      _ = gate.openFailed(now: now.nanoseconds)
    }
  }

  // MARK: Reload

  /// Sockets for other addresses, bound and not yet in use.
  struct Move {
    fileprivate let next: ListenSettings
    fileprivate var sockets: [(SocketAddress, [Ports.Bound])] = []
    /// Addresses that this machine does not have now.
    fileprivate var absent: [(ListenerKind, Ports.Failure)] = []
  }

  /// Binds what is new in other settings; nothing is given up yet.
  ///
  /// Throws where another process has an address; one that this machine does not have is waited for.
  func plan(_ next: ListenSettings, workers: Int) throws(Refusal) -> Move {
    var move = Move(next: next)
    for kind in [ListenerKind.peers, .http, .https, .tcp]
    where kind == .https ? gate.isOpen && !settings.https.isEmpty : wanted.contains(kind) {
      let known = settings.addresses(of: kind)
      for address in next.addresses(of: kind) where !known.contains(address) {
        do throws(Ports.Failure) {
          move.sockets.append((address, try Ports.bind(address, kind, workers: workers)))
        } catch {
          guard error.isAbsence else {
            for (_, sockets) in move.sockets { Ports.close(sockets) }
            throw Refusal(failure: error, neighbour: listeners.neighbour(of: error.address))
          }
          move.absent.append((kind, error))
        }
      }
    }
    return move
  }

  /// Why other settings cannot be taken over.
  struct Refusal: Error, CustomStringConvertible {
    let failure: Ports.Failure
    /// A listener of this server itself on the same port.
    let neighbour: SocketAddress?

    var description: String {
      guard let neighbour else { return "\(failure); \(failure.advice)" }
      return "\(failure); this server listens on \(neighbour), and only a restart leads from one to"
        + " the other"
    }
  }

  /// Takes over other addresses; the workers have the configuration that goes with them.
  mutating func commit(_ move: Move, workers: [WorkerHandle]) {
    let next = move.next
    for (address, sockets) in move.sockets { listeners.take(address, sockets, to: workers) }
    for (kind, failure) in move.absent { listeners.failed(failure, kind) }
    listeners.close(workers) { !next.addresses(of: $0.kind).contains($0.address) }
    if settings.https.isEmpty == next.https.isEmpty {
      gate.reconfigure(next)
    } else {
      // An https port that comes is opened as at the start: never without a certificate.
      gate = PortGate(next)
    }
    settings = next
  }
}

extension ListenSettings {
  /// Where listeners of a kind are.
  func addresses(of kind: ListenerKind) -> [SocketAddress] {
    switch kind {
    case .https: https
    case .http: http
    case .tcp: tcp.map(\.address)
    case .peers: peers
    }
  }
}

// MARK: What is listened on

extension PortKeeper {
  /// One address of the configuration, and whether it is listened on.
  struct Place {
    let kind: ListenerKind
    let address: SocketAddress
    let isOpen: Bool
    /// Why it is not; `nil` also where it is not to be.
    let failure: Ports.Failure?
  }

  /// All addresses of the configuration.
  var places: [Place] {
    [ListenerKind.https, .http, .tcp, .peers].flatMap { kind in
      addresses(of: kind).map { asked in
        let bound = listeners.addresses(kind, [asked]).first
        return Place(
          kind: kind, address: bound ?? asked, isOpen: bound != nil,
          failure: listeners.failures(kind, [asked]).first)
      }
    }
  }

  /// Counts the changes of what is listened on.
  var version: Int { listeners.version }

  /// Nobody can reach this server: each address that it should listen on is refused.
  var failures: [Ports.Failure] {
    let places = places.filter { $0.kind != .peers }
    return places.contains(where: \.isOpen) ? [] : places.compactMap(\.failure)
  }
}
