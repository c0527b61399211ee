import CertStore
import Configuration
import EventLoop
import Glibc
import Logging
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// A fleet whose servers have joined: an authority and what `node join` leaves of each.
final class JoinedFleet {
  private let authority: NodeAuthority
  private let now = Int64(time(nil))
  private var states: [String] = []

  init() throws { authority = try NodeAuthority.make(name: "fleet", now: now) }

  deinit {
    for state in states {
      for name in ["authority", "certificate", "key"] {
        unsafe unlink("\(state)/peers/\(name).pem")
      }
      unsafe rmdir("\(state)/peers")
      unsafe rmdir(state)
    }
  }

  func join(_ node: String) throws -> PeerCredentials {
    let state = "/tmp/edgeproxy-state-\(UInt64.random(in: 0 ... .max))"
    states.append(state)
    let issued = try authority.issue(node: node, now: now)
    unsafe mkdir(state, 0o700)
    unsafe mkdir("\(state)/peers", 0o700)
    try write(authority.certificate, "\(state)/peers/authority.pem")
    try write(issued.certificate, "\(state)/peers/certificate.pem")
    try write(issued.key, "\(state)/peers/key.pem")
    return try #require(try PeerCredentials.load(state: state))
  }

  private func write(_ bytes: [UInt8], _ path: String) throws {
    let raw = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard raw >= 0 else { throw SystemError("open") }
    let file = FileDescriptor(owning: raw)
    try Descriptor.writeAll(file.raw, bytes.span, at: 0)
  }
}

/// A worker of another server with `listen.peers`, driven by the test.
final class PeerServer {
  let worker: Worker
  let address: SocketAddress
  let credentials: PeerCredentials
  /// Connections by address.
  let perAddress = ConnectionLimit()

  init(_ credentials: PeerCredentials, nodes: [SocketAddress]) throws {
    self.credentials = credentials
    let list = nodes.map { "\"\($0)\"" }.joined(separator: ", ")
    let configuration = try Configuration(
      yaml: """
        upstreams: { app: { nodes: [\(list)] } }
        routes: [{ host: app.example.org, upstream: app }]
        """)
    let plan = WorkerPlan(
      snapshot: SnapshotPlan(configuration, previous: nil),
      certificates: .empty, ticketKeys: try TicketKeys(),
      policy: TLSPolicy(minimumIsTLS13: false, tickets: false), spoolDirectory: "/tmp",
      perAddress: perAddress, ability: Ability(), httpsPort: 443,
      checkSuspects: {})
    worker = try Worker(plan, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let anywhere = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
    let socket = try Socket.listen(anywhere, reusePort: false)
    address = try #require(Socket.localAddress(socket.raw))
    worker.open(socket, address, .peers)
  }

  deinit { worker.loop.owner = nil }

  /// As the others know it.
  var peer: Peer {
    Peer(
      name: credentials.certificate.node, address: address,
      fingerprint: credentials.certificate.fingerprint)
  }

  func turn() throws { try worker.loop.turn(mayWait: false) }
}
