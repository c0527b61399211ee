internal import Configuration
internal import EventLoop
internal import Logging
internal import TLS

/// Where other servers come in to one worker: which servers may, and which addresses they may have
/// pipes to.
///
/// Those are the addresses that this server itself reaches directly as nodes of its upstreams. So a
/// request takes one hop at most, and a stolen certificate opens no other port of this machine.
final class PeerDoor {
  private(set) var peering = Peering.none
  private var context: ServerContext?
  private let logger: Logger
  private let loop: EventLoop
  /// How long connecting may take, by the address as a pipe asks for it.
  ///
  /// `nil` before it is needed.
  private var nodes: [String: Duration]?
  private var strangers = Repeated()

  /// Between two lines about strangers.
  private static let tellPeriod = Duration.minutes(1)
  /// Milliseconds.
  private static let unacknowledgedMax: Int32 = 30_000

  init(loop: EventLoop, logger: Logger) {
    self.loop = loop
    self.logger = logger
  }

  /// Takes over the list of the fleet's servers, and this server's own certificate.
  func install(_ peering: Peering) {
    if peering.credentials != self.peering.credentials {
      do throws(TLSError) {
        context = try peering.credentials.map { credentials throws(TLSError) in
          try ServerContext(mutual: credentials.identity)
        }
      } catch {
        logger.error("other servers cannot be answered", metadata: ["error": "\(error)"])
      }
    }
    self.peering = peering
  }

  // MARK: Which servers

  /// TLS for a connection that another server may have begun; `nil` where this one has no certificate.
  func stream(_ descriptor: Int32) throws(TLSError) -> TLSStream? {
    guard let context else { return nil }
    // Another server that is switched off leaves no pipes behind here.
    Socket.setKeepAlive(descriptor)
    Socket.setUserTimeout(descriptor, milliseconds: Self.unacknowledgedMax)
    return try TLSStream(context: context, descriptor: descriptor)
  }

  /// Whether a connection is of a server that belongs to the fleet at present.
  func knows(_ stream: TLSStream?) -> Bool {
    guard let stream, stream.isHTTP2, let fingerprint = stream.peerFingerprint else { return false }
    return peering.directory.owner(ofCertificate: fingerprint) != nil
  }

  /// A connection came whose certificate no server of the fleet has.
  func tellOfStranger(_ address: [UInt8]) {
    guard let times = strangers.happened(every: Self.tellPeriod, now: loop.now) else { return }
    logger.warning(
      "a connection refused whose certificate no server of the fleet has",
      metadata: ["source": "\(String(decoding: address, as: UTF8.self))", "times": "\(times)"])
  }

  // MARK: Where to

  /// The nodes have changed.
  func forgetNodes() { nodes = nil }

  /// How long connecting to a node here may take; `nil` for an address that is none.
  func timeout(of address: String, _ snapshot: WorkerSnapshot) -> Duration? {
    let nodes = nodes ?? Self.nodes(of: snapshot)
    self.nodes = nodes
    return nodes[address]
  }

  private static func nodes(of snapshot: WorkerSnapshot) -> [String: Duration] {
    var states = snapshot.upstreams.map(\.state)
    for applications in snapshot.applications { states += applications?.table.states ?? [] }
    var nodes: [String: Duration] = [:]
    for state in states {
      let timeout = state.settings.connectTimeout
      for node in state.nodes where node.server == nil {
        for address in [node.address, state.settings.statusAddress(of: node)].compactMap({ $0 }) {
          let name = address.description
          nodes[name] = max(timeout, nodes[name] ?? .zero)
        }
      }
    }
    return nodes
  }
}

extension UpstreamSettings {
  /// Where the checks of a node go, if not to the node itself.
  fileprivate func statusAddress(of node: NodeState) -> SocketAddress? {
    guard let port = health?.port else { return nil }
    return SocketAddress(ip: node.address.host, port: port)
  }
}

@available(*, unavailable) extension PeerDoor: Sendable {}
