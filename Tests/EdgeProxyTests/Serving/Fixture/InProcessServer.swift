import CertStore
import Configuration
import EventLoop
import HTTPCore
import Logging
import TLS
import TestSupport

@testable import EdgeProxy

/// A whole worker in the thread of the test, by a clock that stands still until it is moved.
///
/// Its clients are socket pairs without TLS, its instances `ScriptedNode`s. Nothing happens between
/// two calls, so the order of events is the caller's, and the same each time.
final class InProcessServer {
  /// What the client speaks; without TLS nothing settles it.
  enum Speaking { case http1, http2 }

  /// The worker had something to do in more turns than any order of events can ask for.
  struct NeverSettles: Error {}

  let clock = ManualClock()
  let worker: Worker
  /// Connections by address, as all workers count them.
  let perAddress = ConnectionLimit()
  /// The address that clients have.
  static let clientAddress = IPAddress(ipv4: 0xc633_6407)
  private var plan: SnapshotPlan
  /// What the configuration says of the logs, besides where the access log is.
  private let log: String
  /// Where the access log is written; `nil` without one.
  let logs: TemporaryDirectory?

  /// Turns after which a worker that still has something to do counts as one that spins.
  private static let turnsMax = 2000

  /// Starts a worker with the configuration that `text` is in YAML.
  ///
  /// Bodies go to files in `spool`; with `logging` there is an access log, of which `log` says more.
  init(_ text: String, spool: String = "/tmp", logging: Bool = false, log: String = "") throws {
    self.log = log
    Descriptor.raiseLimit()
    logs = logging ? try TemporaryDirectory() : nil
    let configuration = try Self.configuration(text, log: logs.map { $0.path + "/access" }, log)
    plan = SnapshotPlan(configuration, previous: nil, mediaTypes: MediaTypes.none)
    worker = try Worker(
      WorkerPlan(
        snapshot: plan, certificates: .empty,
        ticketKeys: try TicketKeys(), policy: TLSPolicy(minimumIsTLS13: false, tickets: false),
        spoolDirectory: spool, perAddress: perAddress, ability: Ability(), httpsPort: 443,
        checkSuspects: {}),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      loop: EventLoop(clock: clock))
    worker.random = RandomSource(seed: 1)
  }

  /// The worker knows its loop and the other way round, which would keep both.
  deinit { worker.loop.owner = nil }

  private static func configuration(
    _ text: String, log: String?, _ more: String
  ) throws -> Configuration {
    try Configuration(yaml: text + "\nlog: { access: \(log ?? "off"), \(more) }\n")
  }

  // MARK: Orders, as from the control thread

  /// Takes over another configuration, as after a SIGHUP.
  func install(_ text: String) throws {
    let configuration = try Self.configuration(text, log: logs.map { $0.path + "/access" }, log)
    plan = SnapshotPlan(configuration, previous: plan, mediaTypes: MediaTypes.none)
    worker.install(plan)
  }

  /// Takes over other limits, and all else as it is.
  func install(limits change: (inout LimitSettings) -> Void) {
    var configuration = plan.configuration
    change(&configuration.limits)
    plan = SnapshotPlan(configuration, previous: plan, mediaTypes: MediaTypes.none)
    worker.install(plan)
  }

  /// The nodes of an upstream, by its name, as the workers see them.
  func nodes(of upstream: String) -> [NodeState] {
    let found = worker.snapshot.upstreams.first { $0.settings.name == upstream }
    return found?.state.nodes ?? []
  }

  // MARK: Time

  /// One turn of the loop; returns whether anything happened.
  @discardableResult
  func turn() throws -> Bool { try worker.loop.turn(mayWait: false) }

  /// Turns until the worker has nothing more to do at this time.
  func settle() throws {
    for _ in 0..<Self.turnsMax where try !turn() { return }
    throw NeverSettles()
  }

  /// Settles, moves the clock, has the timers fire and settles again.
  ///
  /// Timers fire up to 8 ms late (`TimerWheel`).
  func advance(by duration: Duration) throws {
    try settle()
    clock.advance(by: duration)
    try settle()
  }

  // MARK: Clients

  /// A client's connection; with `room` either direction of the socket takes about as many bytes.
  func connect(
    _ speaking: Speaking = .http1, to kind: ListenerKind = .https, room: Int32? = nil,
    from address: IPAddress = clientAddress
  ) throws -> WireClient {
    let (ours, theirs) = try Socket.pair()
    let client = WireClient(FileDescriptor(owning: theirs), room: room)
    WireClient.setRoom(ours, room)
    guard let permit = worker.enter(address) else { return client }
    let made = Connection(
      worker: worker,
      listener: ListenerFacts(
        kind: kind, address: Array("192.0.2.1".utf8), port: kind == .http ? 80 : 443),
      client: ClientAddress(address, port: 40_000), descriptor: FileDescriptor(owning: ours),
      stream: nil, permit: permit, isAnnounced: false, knowsHTTP2: speaking == .http2)
    try worker.adopt(made)
    return client
  }

  // MARK: The end

  /// What is still counted for clients and requests; empty when everything was given back.
  ///
  /// To be asked when all clients and instances are gone and the worker has settled.
  var remains: [String] {
    var found: [String] = []
    func note(_ count: Int, _ what: String) { if count != 0 { found.append("\(count) \(what)") } }
    note(worker.buffers.bytesOut, "bytes of buffers")
    note(worker.counters.connections.now, "connections")
    note(perAddress.clientCount, "clients counted by address")
    note(worker.snapshot.waitingCount, "requests that wait for a node")
    for upstream in worker.snapshot.upstreams {
      for node in upstream.state.nodes { note(node.inFlight, "requests at \(node)") }
    }
    return found
  }
}
