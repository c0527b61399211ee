internal import Configuration
internal import EventLoop
internal import HTTPCore

/// The request of an exchange: what the client has sent, who the client is, and the form in which it
/// goes to an instance.
///
/// Its buffers are used again for later requests. Only this file changes it.
struct Request: ~Copyable {
  private(set) var head = RequestHead()
  private(set) var body = RequestBody()
  /// Whom limits count: the other end of the connection, or the client that a trusted proxy names.
  private(set) var client = IPAddress(ipv4: 0)
  /// The other end of the connection is a trusted proxy.
  private(set) var isFromTrusted = false
  /// What a trusted proxy says of the client.
  private(set) var forwarded = ForwardedChain()
  private(set) var facts = ForwardedFacts()
  /// The head as it goes to an instance: the one of the two in the form that its upstream speaks.
  private var packet = UWSGIPacket()
  private var message = HTTP1Request()
  /// Which of the two it is.
  private(set) var isPacket = true

  // MARK: Receiving

  /// Parses what is there of a head; returns how many bytes once it is whole.
  mutating func parseHead(
    _ parser: inout RequestParser, _ bytes: borrowing Span<UInt8>, _ limits: HeadLimits
  ) throws(HTTPError) -> Int? {
    try parser.parse(bytes, into: &head, limits: limits)
  }

  /// Has `take` put the head here.
  mutating func takeHead(_ take: (inout RequestHead) -> Void) { take(&head) }

  /// The request comes over a connection from this address.
  mutating func begin(from address: IPAddress) {
    client = address
    isFromTrusted = false
  }

  /// The request comes from a trusted proxy: reads what it forwards of the client.
  mutating func readForwarded(trusted: [Network]) {
    isFromTrusted = true
    forwarded.read(head, trusted: trusted)
    if let address = forwarded.client { client = address }
  }

  /// Settles which trace the request belongs to, and returns its id; empty for none.
  mutating func settleTrace(
    _ settings: TraceSettings, _ random: inout RandomSource
  ) -> [UInt8] {
    let isBelieved = settings.mode != .off && (settings.source == .anyone || isFromTrusted)
    var id: [UInt8] = []
    if isBelieved, let found = head.traceID {
      id.append(copying: head.span(found))
      return id
    }
    head.removeTrace()
    guard settings.mode == .make else { return id }
    id = [UInt8](repeating: 0, count: RandomSource.identifierBytes)
    random.nextIdentifier(into: &id)
    var span = id
    random.nextIdentifier(into: &span)
    head.beginTrace(id: id, parent: Array(span.prefix(16)), isSampled: settings.isSampled)
    return id
  }

  /// `false` where the request has been forwarded as often as it may.
  mutating func countForward() -> Bool { head.countForward() }

  mutating func apply(_ rules: FieldRules) { head.apply(rules) }

  /// Forgets what the client says in fields that only this server may write.
  mutating func forget(_ names: [[UInt8]]) {
    for name in names { head.removeLookalikes(of: name) }
  }

  /// Adds a field of this server's.
  mutating func add(_ name: [UInt8], _ value: borrowing Span<UInt8>) { head.addOwn(name, value) }

  /// Tells an application over uwsgi who the user is that a field names.
  mutating func tell(user: [UInt8]) { facts.user = user }

  /// Becomes the question to an authenticator whether another request may go on.
  mutating func ask(_ path: [UInt8], about other: borrowing Request) {
    head.ask(path, about: other.head)
    client = other.client
    isFromTrusted = other.isFromTrusted
    forwarded.become(other.forwarded)
    facts.forwardedMethod.append(copying: other.head.span(other.head.methodBytes))
    facts.forwardedURI.removeAll(keepingCapacity: true)
    facts.forwardedURI.append(targetOf: other.head)
    facts.clientCertificate = other.facts.clientCertificate
  }

  /// Tells the application who the user is.
  mutating func identify(as user: [UInt8]) {
    facts.user = user
    head.addOwn(Self.userField, user.span)
  }

  /// What the application is told the user in over HTTP, and what else is taken for it.
  private static let userField = Array("Remote-User".utf8)
  static let userFields = [userField, Array("X-Remote-User".utf8)]

  /// Takes away what a client says of a certificate that it was not asked for.
  mutating func removeCertificateFields() { head.removeCertificateFields() }

  /// The host asks for certificates: the application is told of the client's, and believes nobody else.
  mutating func tell(of certificate: ClientCertificateFacts) {
    head.removeCertificateFields()
    facts.clientCertificate = certificate
  }

  mutating func receive(
    _ bytes: borrowing Span<UInt8>, in place: RequestBody.Place
  ) throws(SystemError) {
    try body.append(bytes, in: place)
  }

  /// The body is complete.
  mutating func complete(in place: RequestBody.Place) throws(SystemError) {
    try body.complete(in: place)
  }

  /// Moves the body to a file; returns how many bytes of memory that frees.
  mutating func spill(in place: RequestBody.Place) -> Int { body.spill(in: place) }

  // MARK: What is known of it

  /// What may be read by two instances at once, with no harm and no body to send twice.
  var mayBeDoubled: Bool {
    (head.method == .get || head.method == .head) && body.count == 0 && !facts.asksForWebSocket
  }

  /// The number of what binds requests to a node; `nil` for a request without it, which goes where
  /// there is least to do.
  func affinity(by source: AffinitySource) -> UInt64? {
    switch source {
    case .address: StableHash.of(client.client.text)
    case .header(let name):
      head.value(ofField: name.span).map { StableHash.of(head.bytes, in: $0.range) }
    case .cookie(let name):
      head.cookie(name.span).map { StableHash.of(head.bytes, in: $0.range) }
    }
  }

  /// The mark of a node that the client's cookie holds: sixteen digits.
  func boundNode(_ cookie: [UInt8]) -> UInt64? {
    guard let range = head.cookie(cookie.span), range.count == 16 else { return nil }
    var mark: UInt64 = 0
    for byte in range.range {
      guard let digit = ASCII.hexadecimal(head.bytes[byte]) else { return nil }
      mark = mark << 4 | UInt64(digit)
    }
    return mark
  }

  /// A number for the same request whoever sends it, see `DeadlyRequests`.
  func fingerprint(_ buffers: BufferPool) -> UInt64 {
    var fingerprint = RequestFingerprint(head)
    guard body.count > 0 else { return fingerprint.value }
    let most = min(body.count, RequestFingerprint.bodyBytesMax)
    guard let file = body.fileDescriptor else {
      let memory = body.memory
      fingerprint.add(memory.span.extracting(0..<most))
      return fingerprint.value
    }
    var block = buffers.take()
    defer { buffers.give(block) }
    var whole = block.mutableSpan
    var space = whole._mutatingExtracting(0..<min(most, whole.count))
    if case .bytes(let count) = Descriptor.read(file, at: 0, into: &space) {
      fingerprint.add(block.span.extracting(0..<count))
    }
    return fingerprint.value
  }

  /// What it takes of this process's memory, and of the disk.
  var memoryBytes: Int {
    head.memoryBytes + packet.memoryBytes + message.memoryBytes + body.memoryBytes
  }
  var diskBytes: Int64 { body.diskBytes }

  // MARK: To an instance

  /// Writes the head in what the upstream speaks, once for all tries: as a packet of uwsgi or as
  /// HTTP/1.1, then with `closing` for a connection that serves one request.
  mutating func encode(
    asPacket: Bool, closing: Bool, webSocket: Bool, key: [UInt8], path: PathChange?
  ) throws(HTTPError) {
    facts.describe(path, behind: forwarded.prefix)
    facts.bodyLength = head.framing == .none ? nil : UInt64(body.count)
    facts.asksForWebSocket = head.asksForWebSocket && webSocket
    facts.webSocketKey = key
    isPacket = asPacket
    // The rules of the route may have set some.
    if facts.clientCertificate != nil { head.removeCertificateFields() }
    guard isPacket else { return message.encode(head, facts: facts, closing: closing) }
    try packet.encode(head, facts: facts)
  }

  /// What the application is told of the client and of the connection that it came over.
  mutating func describe(_ connection: Connection, client text: [UInt8], requestID: [UInt8]) {
    facts.remoteAddress = connection.client.text
    facts.remotePort = UInt64(connection.client.port)
    facts.serverAddress = connection.listener.address
    facts.serverPort = UInt64(connection.listener.port)
    facts.isTLS = forwarded.isTLS ?? connection.listener.isTLS
    facts.requestID = requestID
    facts.forwardedFor.removeAll(keepingCapacity: true)
    facts.forwardedHost = forwarded.host
    if !forwarded.addresses.isEmpty {
      facts.forwardedFor += forwarded.addresses
      facts.forwardedFor.append(", ")
      facts.forwardedFor += connection.client.text
    }
    guard client != connection.client.address else { return }
    facts.remoteAddress = text
    // A proxy's port is not the client's.
    facts.remotePort = 0
  }

  /// The node that is asked next reads these in the packet.
  mutating func setModifiers(_ role: NodeRole) {
    if isPacket { packet.setModifiers(role.modifier1, role.modifier2) }
  }

  /// What uWSGI compares with its `buffer-size`; other instances have no such limit.
  var blockBytes: Int { isPacket ? packet.blockBytes : 0 }

  var headCount: Int { isPacket ? packet.count : message.count }

  func isSentWhole(_ headSent: Int, _ bodySent: Int) -> Bool {
    headSent == headCount && bodySent == body.count
  }

  func sendHead(to connection: NodeConnection, from start: Int) -> WriteOutcome {
    let more = body.count > 0
    return isPacket
      ? connection.send(packet.bytes.extracting(start..<packet.count), more: more)
      : connection.send(message.bytes.extracting(start..<message.count), more: more)
  }

  func sendBody(
    to connection: NodeConnection, from start: Int, _ buffers: BufferPool
  ) -> WriteOutcome {
    if let file = body.fileDescriptor {
      return connection.sendFile(
        file, at: Int64(start), count: body.count - start, buffers: buffers)
    }
    let memory = body.memory
    return connection.send(memory.span.extracting(start..<memory.count))
  }

  // MARK: The next one

  /// Makes it ready for another request; what is large goes back.
  mutating func reset() {
    head.reset()
    body.reset()
    packet.shrink()
    message.shrink()
    // Shared storage would have to be copied for the next request's name.
    facts.requestID = []
    facts.forwardedHost = []
    facts.user = []
    facts.clientCertificate = nil
    facts.forwardedMethod = []
    forwarded.reset()
  }
}
