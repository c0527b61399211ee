import EventLoop
import Glibc
import TLS
import TestSupport
import Testing

@testable import Wire

/// A server on loopback that reads, says and ends only what the test tells it to.
final class WireServer {
  let address: SocketAddress
  private let listener: FileDescriptor
  private let context: ServerContext?
  private var socket: FileDescriptor?
  private var stream: TLSStream?
  private var isOpen = false
  private(set) var heard: [UInt8] = []
  /// The client has ended its side, in order or not.
  private(set) var isLeft = false

  /// As the program does: sockets whose other end is gone are written to.
  private static let ignoringBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  /// Without a context it speaks no TLS.
  init(_ context: ServerContext? = nil, at host: String = "127.0.0.1") throws {
    Self.ignoringBrokenPipes
    self.context = context
    let anywhere = try #require(SocketAddress(ip: host, port: 0))
    listener = try Socket.listen(anywhere, reusePort: false)
    address = try #require(Socket.localAddress(listener.raw))
  }

  /// Takes the connection, and what has come on it.
  func turn() throws {
    if socket == nil, let accepted = try Socket.accept(listener.raw) {
      stream = try context.map { try TLSStream(context: $0, descriptor: accepted.raw) }
      isOpen = stream == nil
      socket = consume accepted
    }
    guard let raw = socket?.raw, !isLeft else { return }
    if let stream, !isOpen {
      do throws(TLSError) {
        isOpen = try stream.handshake() == .done
      } catch {
        isLeft = true
      }
    }
    guard isOpen else { return }
    while let bytes = read(raw) { heard += bytes }
  }

  private func read(_ raw: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    var space = bytes.mutableSpan
    guard let stream else {
      switch Descriptor.read(raw, into: &space) {
      case .bytes(let count): return Array(bytes[..<count])
      case .wouldBlock: return nil
      case .closed, .failed:
        isLeft = true
        return nil
      }
    }
    switch try? stream.read(into: &space) {
    case .bytes(let count): return Array(bytes[..<count])
    case .wantsRead, .wantsWrite: return nil
    case .closed, nil:
      isLeft = true
      return nil
    }
  }

  /// Says what the socket takes, and returns how much that was.
  func say(_ bytes: [UInt8]) throws -> Int {
    var said = 0
    while said < bytes.count, let count = try write(bytes.span.extracting(said..<bytes.count)) {
      said += count
    }
    return said
  }

  private func write(_ bytes: borrowing Span<UInt8>) throws -> Int? {
    guard let socket = socket?.raw else { return nil }
    if let stream {
      guard case .bytes(let count) = try stream.write(bytes) else { return nil }
      return count
    }
    guard case .bytes(let count) = Descriptor.send(socket, bytes) else { return nil }
    return count
  }

  /// Says goodbye and closes.
  func leave() {
    stream?.shutdown()
    cut()
  }

  /// Resets the connection.
  func reset() {
    if let raw = socket?.raw { Socket.resetOnClose(raw) }
    cut()
  }

  private func cut() {
    stream = nil
    socket = nil
    isLeft = true
  }
}

/// Notes what its wire tells, and whether it was told within a call of ours.
final class WireOwner: ClientWire.Owner {
  private(set) var isOpen = false
  private(set) var received: [UInt8] = []
  /// Reads that brought bytes.
  private(set) var reads = 0
  private(set) var progressed = 0
  private(set) var settled = 0
  private(set) var endings: [String] = []
  /// What to do with each read.
  var whenReceived: () -> Void = {}

  func wireOpened() { isOpen = true }
  func wireReceived(_ bytes: borrowing Span<UInt8>) {
    reads += 1
    // SAFETY: the span bounds its memory and keeps it alive while it is copied.
    unsafe bytes.withUnsafeBytes { unsafe received.append(contentsOf: $0) }
    whenReceived()
  }
  func wireProgressed() { progressed += 1 }
  func wireSettled() { settled += 1 }
  func wireEnded(_ reason: String) { endings.append(reason) }
}

/// An authority, a server of its own and what a client believes.
final class WireTrust {
  private let authority = TestAuthority()

  /// A server's context for `name`, with the SHA-256 of its certificate.
  func server(
    _ name: String, offersHTTP2: Bool = true
  ) throws -> (ServerContext, fingerprint: [UInt8]) {
    let certificate = try Certificate(pem: authority.issue([name]).bundle)
    let context = try ServerContext(
      policy: TLSPolicy(minimumIsTLS13: true, tickets: false), ticketKeys: TicketKeys())
    context.install(EveryName(certificate))
    context.offersHTTP2 = offersHTTP2
    return (context, Hash.sha256(certificate.chain[0]))
  }

  /// The authority's certificate in PEM.
  var pem: String { authority.pem }

  /// A client's context that trusts the authority.
  func client(_ protocols: [String] = ["h2", "http/1.1"]) throws -> ClientContext {
    let directory = try TemporaryDirectory()
    try directory.write("ca.pem", authority.pem)
    return try ClientContext(
      ClientIdentity(authorityFile: directory.path + "/ca.pem"), protocols: protocols)
  }
}
