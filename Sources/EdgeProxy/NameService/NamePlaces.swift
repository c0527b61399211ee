internal import DNSCore
internal import EventLoop
internal import Glibc
internal import Logging

/// The addresses at which the fleet's zone should be answered: those that are bound, and why others are
/// not.
///
/// As with the ports of https, an address that cannot be bound leaves the others alone. It is told once, is a
/// warning in status, and is tried again with each call of `open`.
struct NamePlaces {
  /// One address of the configuration and one way to it.
  struct Place: Hashable, Sendable {
    let address: SocketAddress
    let carrier: DNSCarrier

    /// What its warning goes by.
    var key: String { "listen dns \(carrier.word) \(address)" }
  }

  /// A socket on its way to the thread that answers.
  struct Bound: Sendable {
    let descriptor: Int32
    let address: SocketAddress
  }

  private let logger: Logger
  private let warnings: Warnings
  /// What the kernel made of each: port 0 is any.
  private var bound: [Place: SocketAddress] = [:]
  private var failures: [Place: Failure] = [:]

  init(logger: Logger, warnings: Warnings) {
    self.logger = logger
    self.warnings = warnings
  }

  /// Binds those that are not bound yet, and passes them to `take`.
  mutating func open(_ addresses: [SocketAddress], _ take: (Place, Bound) -> Void) {
    for address in addresses {
      for carrier in DNSCarrier.all {
        let place = Place(address: address, carrier: carrier)
        guard bound[place] == nil else { continue }
        let other = Place(address: address, carrier: carrier == .udp ? .tcp : .udp)
        do throws(Failure) {
          let socket = try Self.bind(place, like: bound[other])
          bound[place] = socket.address
          failures[place] = nil
          warnings.clear(place.key)
          logger.notice(
            "answering names",
            metadata: ["protocol": "\(carrier.word)", "address": "\(socket.address)"])
          take(place, socket)
        } catch {
          failed(error)
        }
      }
    }
  }

  /// Where any port will do, it is that of the `other` carrier.
  private static func bind(_ place: Place, like other: SocketAddress?) throws(Failure) -> Bound {
    let address = place.address.port == 0 ? other ?? place.address : place.address
    do throws(SystemError) {
      let socket =
        switch place.carrier {
        case .udp: try Datagram.bind(address, bufferBytes: QuestionPort.bufferBytes)
        case .tcp:
          try Socket.listen(address, reusePort: false, backlog: QuestionListener.backlog)
        }
      let actual = Socket.localAddress(socket.raw) ?? address
      return Bound(descriptor: socket.release(), address: actual)
    } catch {
      throw Failure(place: place, error: error)
    }
  }

  /// The thread that answers could not take a socket, which is closed.
  mutating func lost(_ place: Place, _ error: SystemError) {
    bound[place] = nil
    failed(Failure(place: place, error: error))
  }

  private mutating func failed(_ failure: Failure) {
    failures[failure.place] = failure
    guard warnings.raise(failure.place.key, "\(failure)", advice: failure.advice) else { return }
    logger.log(
      level: failure.isAbsence ? .warning : .error, "\(failure)",
      metadata: ["advice": "\(failure.advice)"])
  }

  /// Forgets what is not among the addresses; `close` is given what was bound.
  mutating func keep(_ addresses: [SocketAddress], close: (DNSCarrier, SocketAddress) -> Void) {
    for (place, address) in bound where !addresses.contains(place.address) {
      bound[place] = nil
      close(place.carrier, address)
    }
    for place in failures.keys where !addresses.contains(place.address) {
      failures[place] = nil
      warnings.clear(place.key)
    }
  }

  /// What there is to tell of some addresses, in their order.
  func states(of addresses: [SocketAddress]) -> [State] {
    addresses.flatMap { address in
      DNSCarrier.all.map { carrier in
        let place = Place(address: address, carrier: carrier)
        return State(
          carrier: carrier, address: bound[place] ?? address, isOpen: bound[place] != nil,
          failure: failures[place])
      }
    }
  }

  /// One address of the configuration, and whether questions come in there.
  struct State: Sendable {
    let carrier: DNSCarrier
    /// As bound, where it is.
    let address: SocketAddress
    let isOpen: Bool
    /// Why not; `nil` also before the first try.
    let failure: Failure?
  }

  struct Failure: Error, Equatable, CustomStringConvertible {
    let place: Place
    let error: SystemError

    var description: String {
      "cannot answer names at \(place.address) over \(place.carrier.word): \(error)"
    }

    /// Whether this machine does not have the address, so that no other process is in the way.
    var isAbsence: Bool { error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT }

    /// What to do about it.
    var advice: String {
      switch error.code {
      case EADDRINUSE:
        "another process has this port: 'ss -lnp\(place.carrier == .udp ? "u" : "t") sport ="
          + " :\(place.address.port ?? 0)' names it. systemd-resolved has 127.0.0.53 and 127.0.0.54"
          + " only: list addresses in 'dns.listen', not 0.0.0.0. dnsmasq needs 'bind-interfaces'"
          + " and 'except-interface'. Another name server has to leave the address"
      case EADDRNOTAVAIL:
        "no interface has this address: where clients reach this machine through another one,"
          + " list its own address in 'dns.listen'"
      case EAFNOSUPPORT:
        "the kernel or the unit does without \(place.address.family == .ipv6 ? "IPv6" : "IPv4"):"
          + " take the address out of 'dns.listen'"
      case EACCES, EPERM:
        "ports below 1024 need CAP_NET_BIND_SERVICE, which the unit gives"
      default: "it is tried again each second"
      }
    }
  }
}

extension DNSCarrier {
  static let all = [DNSCarrier.udp, .tcp]

  /// As logs, status and metrics have it.
  var word: String { self == .udp ? "udp" : "tcp" }
}
