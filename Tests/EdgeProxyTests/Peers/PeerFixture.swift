import EventLoop
import Glibc
import HTTPCore
import Logging
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// One authority for a fleet of two, and the contexts that its certificates make.
final class TestFleet {
  private let authority = TestAuthority()

  /// A server's context with the SHA-256 of its certificate.
  func server(_ name: String) throws -> (ServerContext, fingerprint: [UInt8]) {
    let issued = authority.issue([name])
    let certificate = try Certificate(pem: Array((issued.chain + issued.key).utf8))
    let context = try ServerContext(
      policy: TLSPolicy(minimumIsTLS13: true, tickets: false), ticketKeys: TicketKeys())
    context.install(EveryName(certificate))
    context.offersHTTP2 = true
    return (context, Hash.sha256(certificate.chain[0]))
  }

  /// A client's context that trusts the fleet.
  func client() throws -> ClientContext {
    let path = "/tmp/edgeproxy-authority-\(UInt64.random(in: 0 ... .max)).pem"
    let raw = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard raw >= 0 else { throw SystemError("open") }
    let file = FileDescriptor(owning: raw)
    defer { unsafe unlink(path) }
    let pem = Array(authority.pem.utf8)
    guard Descriptor.write(file.raw, pem.span) == .bytes(pem.count) else {
      throw SystemError("write")
    }
    return try ClientContext(ClientIdentity(authorityFile: path), protocols: ["h2"])
  }
}

/// Whoever has a connection to a node; it reads only when it is told to.
final class PipeOwner: NodeConnectionOwner {
  private(set) var events: [Readiness] = []
  func nodeReady(_ connection: NodeConnection, _ events: Readiness) { self.events.append(events) }
}

extension PeerLinks {
  /// Those of a loop that knows no other server.
  convenience init(loop: EventLoop) {
    self.init(
      loop: loop, counters: PeerCounters(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }
}

extension NodeConnection {
  /// All that is there.
  func readAll() -> [UInt8] {
    var all: [UInt8] = []
    var input = ByteBuffer(storage: [UInt8](repeating: 0, count: 64 << 10))
    while fill(&input) {
      all.append(copying: input.readable)
      input.consume(input.count)
    }
    return all
  }

  /// Sends what there is room for; returns how much that was.
  func say(_ bytes: [UInt8]) -> Int {
    var sent = 0
    while sent < bytes.count {
      guard case .bytes(let count) = send(bytes.span.extracting(sent..<bytes.count)) else { break }
      sent += count
    }
    return sent
  }
}
