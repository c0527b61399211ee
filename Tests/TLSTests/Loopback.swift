import EventLoop
import Glibc
import TLS
import TestSupport
import Testing

/// A server of ours and a client of OpenSSL on the two ends of a socket pair.
final class Loopback {
  /// How the two came to agree, or who refused.
  enum Outcome: Equatable {
    case agreed
    case clientRefused(String)
    case serverRefused
  }

  let server: TLSStream
  let client: TLSClient
  private var serverSocket: FileDescriptor?
  private var clientSocket: FileDescriptor?

  /// As the program does: OpenSSL writes to sockets whose other end may be gone.
  private static let ignoringBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  init(_ context: ServerContext, _ offer: TLSClient.Offer) throws {
    Self.ignoringBrokenPipes
    let (serverEnd, clientEnd) = try Socket.pair()
    serverSocket = FileDescriptor(owning: serverEnd)
    clientSocket = FileDescriptor(owning: clientEnd)
    server = try TLSStream(context: context, descriptor: serverEnd)
    client = TLSClient(offer, descriptor: clientEnd)
  }

  /// Lets both work until they agree or one refuses; what the client hears counts first.
  func handshake() -> Outcome {
    var serverDone = false
    var serverFailed = false
    var clientDone = false
    for _ in 0..<20 {
      switch client.handshake() {
      case .done: clientDone = true
      case .waiting: break
      case .failed(let reason): return .clientRefused(reason)
      }
      if serverDone, clientDone { return .agreed }
      if serverFailed { return .serverRefused }
      guard !serverDone else { continue }
      do throws(TLSError) {
        serverDone = try server.handshake() == .done
      } catch {
        serverFailed = true
      }
    }
    return serverFailed ? .serverRefused : .clientRefused("no end in sight")
  }

  /// Closes one end as a crash would: without close_notify.
  func cutClient() { clientSocket = nil }
  func cutServer() { serverSocket = nil }

  /// Ends the client's side with a FIN: without close_notify.
  func endClientsSide() { if let raw = clientSocket?.raw { Socket.shutdownWriting(raw) } }

  /// Leaves no room for what the server sends; the bytes mean nothing to the client.
  func fillClientsInput() {
    guard let raw = serverSocket?.raw else { return }
    let block = [UInt8](repeating: 0, count: 65_536)
    while case .bytes = Descriptor.write(raw, block.span) {}
    while case .bytes = Descriptor.write(raw, [0].span) {}
  }

  /// Takes what has been sent to the client, as bytes on the wire.
  func emptyClientsInput() -> [UInt8] {
    guard let raw = clientSocket?.raw else { return [] }
    var all: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      var space = block.mutableSpan
      guard case .bytes(let count) = Descriptor.read(raw, into: &space) else { return all }
      all += block[..<count]
    }
  }

  /// What a read of the server comes to.
  func readResult() throws(TLSError) -> TLSStream.ReadResult {
    var bytes = [UInt8](repeating: 0, count: 16)
    var space = bytes.mutableSpan
    return try server.read(into: &space)
  }

  /// Puts bytes on the wire as if the client had sent them.
  func feedServerRaw(_ bytes: [UInt8]) throws {
    guard let raw = clientSocket?.raw else { return }
    guard Descriptor.write(raw, bytes.span) == .bytes(bytes.count) else {
      throw SystemError("write")
    }
  }

  /// The same, followed by a step of the handshake.
  func feedServer(_ bytes: [UInt8]) throws {
    try feedServerRaw(bytes)
    _ = try server.handshake()
  }

  /// Reads what the server has at most, `nil` when it waits.
  func serverRead(_ limit: Int = 65_536) throws -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: limit)
    var space = bytes.mutableSpan
    guard case .bytes(let count) = try server.read(into: &space) else { return nil }
    return Array(bytes.prefix(count))
  }
}

/// What a server context serves in a test, by exact name, with the first one as the default.
final class Names: CertificateSelector {
  private let numbers: [[UInt8]: Int]
  private let fallbackNumber: Int?
  fileprivate(set) var sets: [TestSet] = []
  /// What hosts ask of their clients, by exact name.
  private let rules: [[UInt8]: ClientRule]

  init(_ numbers: [String: Int], fallback: Int? = nil, rules: [String: ClientRule] = [:]) {
    self.rules = Dictionary(uniqueKeysWithValues: rules.map { (Array($0.utf8), $1) })
    self.numbers = Dictionary(uniqueKeysWithValues: numbers.map { (Array($0.utf8), $1) })
    fallbackNumber = fallback
  }

  var fallback: (any CertificateSet)? { fallbackNumber.map { sets[$0] } }

  func certificates(for serverName: borrowing Span<UInt8>) -> (any CertificateSet)? {
    var name: [UInt8] = []
    for index in 0..<serverName.count { name.append(serverName[index]) }
    return numbers[name].map { sets[$0] }
  }

  func serves(_ set: any CertificateSet) -> Bool { sets.contains { $0 === set } }

  func clientRule(for serverName: borrowing Span<UInt8>) -> ClientRule? {
    var name: [UInt8] = []
    for index in 0..<serverName.count { name.append(serverName[index]) }
    return rules[name]
  }
}

extension ServerContext {
  /// A context that serves `sets` by `names`.
  static func serving(
    _ sets: [[Certificate]], _ names: Names, minimumIsTLS13: Bool = false, tickets: Bool = true,
    keys: TicketKeys? = nil
  ) throws -> ServerContext {
    let context = try ServerContext(
      policy: TLSPolicy(minimumIsTLS13: minimumIsTLS13, tickets: tickets),
      ticketKeys: keys ?? TicketKeys())
    context.install(sets, names)
    return context
  }

  func install(_ sets: [[Certificate]], _ names: Names) {
    names.sets = sets.map { TestSet($0) }
    install(names)
  }
}

extension ServerContext {
  /// A connection, and the ticket that its client has at the end.
  func visit(
    _ name: String?, _ version: TLSClient.Version, ticket: [UInt8]? = nil,
    identity: TestAuthority.Issued? = nil
  ) throws -> (isResumed: Bool, ticket: [UInt8]?) {
    var offer = TLSClient.Offer(name, version)
    offer.ticket = ticket
    offer.identity = identity
    let pair = try Loopback(self, offer)
    try #require(pair.handshake() == .agreed)
    // TLS 1.3 sends its tickets after the handshake; they are read with the first bytes.
    let hello: [UInt8] = [1]
    try #require(try pair.server.write(hello.span) == .bytes(1))
    try #require(pair.client.read() == hello)
    #expect(pair.server.isResumed == pair.client.isResumed)
    return (pair.client.isResumed, pair.client.ticket)
  }
}

extension TestAuthority {
  /// A certificate of this authority as the server loads it.
  func certificate(_ names: String..., key: Key = .p256) throws -> Certificate {
    try Certificate(pem: issue(names, key: key).bundle)
  }
}
