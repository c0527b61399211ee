import EventLoop
import Glibc
import TestSupport

@testable import EdgeProxy

/// Clients, instances, time and orders to a worker, in the order that an input says.
///
/// A byte of the input is a choice: who does something, what, and whether the worker turns before the
/// next. So full outputs, closed windows and events that meet in one turn come from the input like
/// the bytes do. Whatever it is, answers reach whom they belong to, once, and nothing of a client
/// remains when it has gone.
final class ServingFuzz {
  /// What is served under `/files/`, by index; the last ones need several turns.
  static let fileSizes = [0, 100, 47_000, 300_000, 1_000_000]
  /// The file that nearly fills what a connection of HTTP/2 writes at a time.
  static let fillerIndex = 2

  static func file(_ index: Int) -> AnswerLedger.Target {
    .file(tag: fileTag(index), bytes: fileSizes[index])
  }

  private static func fileTag(_ index: Int) -> Int { 1 << 21 | index }

  private static let clientsMax = 6
  private static let stepsMax = 600

  private let ledger: AnswerLedger
  private let server: InProcessServer
  private let instances: [FuzzedInstance]
  private let configurations: [String]
  private var clients: [any FuzzedClient] = []
  private var clientCount = 0
  private var choices: Choices

  /// Runs an input and tells `listener` what happens; returns what was wrong.
  static func run(
    _ input: [UInt8], files: TemporaryDirectory, _ listener: ((String) -> Void)? = nil
  ) -> String? {
    let ledger = AnswerLedger(listener)
    weak var worker: Worker?
    do {
      let fuzz = try ServingFuzz(input, files.path, ledger)
      worker = fuzz.server.worker
      try fuzz.run()
    } catch {
      ledger.complain("\(error)")
    }
    if ledger.complaint == nil, worker != nil { ledger.complain("something keeps its worker") }
    return ledger.complaint
  }

  private init(_ input: [UInt8], _ directory: String, _ ledger: AnswerLedger) throws {
    self.ledger = ledger
    choices = Choices(input)
    instances = [
      try FuzzedInstance("packets", speaksHTTP: false, ledger),
      try FuzzedInstance("pooled", speaksHTTP: true, ledger),
      try FuzzedInstance("pooled over TCP", speaksHTTP: true, overTCP: true, ledger),
    ]
    let nodes = instances.map { "\"\($0.node.address)\"" }
    configurations = [
      Self.configuration(nodes[0], nodes[1...].joined(separator: ", "), directory),
      Self.configuration(nodes[0], nodes[1], directory),
    ]
    server = try InProcessServer(configurations[0], spool: "/dev/shm")
  }

  private static func configuration(
    _ packets: String, _ pooled: String, _ directory: String
  ) -> String {
    """
    upstreams:
      packets: { nodes: [\(packets)], hold: 2s, timeouts: { response: 20s, idle: 20s } }
      pooled:
        protocol: http
        nodes: [\(pooled)]
        hold: 2s
        keep_alive: { connections: 4, idle: 5s }
        timeouts: { response: 20s, idle: 20s }
    routes:
      - { host: a.test, path: /packets, upstream: packets }
      - { host: a.test, path: /pooled, upstream: pooled, body_max: 64KiB, stale_if_error: 1h }
      - { host: a.test, path: /packed, upstream: packets, compress: on, stale_if_error: 10s }
      - { host: a.test, path: /files, files: { directory: "\(directory)", listing: true } }
      - { host: a.test, path: /respond, respond: { body: "said here" } }
      - { host: a.test, path: /moved, redirect: { to: "https://b.test{path}" } }
    stale: { memory: 1MiB, disk: 0B, object_max: 64KiB }
    limits:
      memory: 16MiB
      body_memory: 4KiB
      response_memory: 64KiB
      response_file: 256KiB
      compressors: 16
      held: 8
    timeouts: { send: 10s, body: 10s, keep_alive: 30s }
    """
  }

  /// Makes the files that are served, the same for all inputs.
  static func makeFiles() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    for (index, size) in fileSizes.enumerated() {
      try directory.write("\(index)", TaggedBody.bytes(of: fileTag(index), from: 0, count: size))
    }
    return directory
  }

  // MARK: Steps

  private func run() throws {
    try connect()
    var steps = 0
    while !choices.isEmpty, steps < Self.stepsMax, ledger.complaint == nil {
      steps += 1
      try step()
      // Without a turn what comes next meets this in the same one.
      switch choices.below(4) {
      case 0: break
      case 1: try server.turn()
      default: try server.settle()
      }
    }
    if ledger.complaint == nil { try finish() }
  }

  private func step() throws {
    switch choices.below(16) {
    case 0...5: someClient?.step(&choices)
    case 6...9: try instances[choices.below(instances.count)].step(&choices)
    case 10...12: someClient?.read(most: choices.one(of: Self.readings))
    case 13: try passTime()
    case 14: try connect()
    default: try order()
    }
  }

  private static let readings = [Int.max, .max, 1, 100, 9000, 70_000]

  private var someClient: (any FuzzedClient)? {
    guard !clients.isEmpty else { return nil }
    return clients[choices.below(clients.count)]
  }

  private static let rooms: [Int32?] = [nil, 2_000_000, 4096, 65_536]

  private func connect() throws {
    if clients.count == Self.clientsMax { clients.removeFirst().wire.close() }
    clientCount += 1
    let isHTTP1 = choices.below(4) == 1
    let room = choices.one(of: Self.rooms)
    let name = "client \(clientCount)"
    ledger.tell("\(name): HTTP/\(isHTTP1 ? 1 : 2), room \(room ?? 0)")
    let wire = try server.connect(isHTTP1 ? .http1 : .http2, room: room)
    clients.append(
      isHTTP1
        ? FuzzedHTTP1Client(wire, name, ledger) : FuzzedHTTP2Client(wire, name, &choices, ledger))
  }

  private static let spans: [Duration] = [
    .milliseconds(1), .milliseconds(20), .milliseconds(60), .milliseconds(300), .seconds(1),
    .seconds(3), .seconds(11), .seconds(31),
  ]

  private func passTime() throws {
    let span = choices.one(of: Self.spans)
    ledger.tell("\(span) pass")
    server.clock.advance(by: span)
  }

  private func order() throws {
    switch choices.below(8) {
    case 0:
      let index = choices.below(configurations.count)
      ledger.tell("configuration \(index) is installed")
      try server.install(configurations[index])
    case 1:
      ledger.tell("the worker drains")
      server.worker.drain {}
    case 2:
      ledger.tell("the worker cuts all")
      server.worker.cutAll()
    default: try connect()
    }
  }

  // MARK: The end

  private func finish() throws {
    ledger.tell("everybody finishes")
    try takeAll()
    try pass(seconds: 40)
    for client in clients { client.complainOfSilence() }
    for client in clients { client.wire.close() }
    for instance in instances { try instance.end() }
    try pass(seconds: 40)
    let remains = server.remains
    if !remains.isEmpty { ledger.complain("there remain \(remains)") }
    server.worker.stop()
    try server.settle()
  }

  private func pass(seconds: Int) throws {
    for _ in 0..<seconds / 2 where ledger.complaint == nil {
      try server.advance(by: .seconds(2))
      try takeAll()
    }
  }

  /// Has instances answer and clients read until nothing more comes.
  private func takeAll() throws {
    var hasRead = true
    while hasRead, ledger.complaint == nil {
      for instance in instances { try instance.answerAll() }
      hasRead = clients.reduce(false) { $1.openUp() > 0 || $0 }
      try server.settle()
    }
  }
}
