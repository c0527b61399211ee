internal import EventLoop
internal import HTTPCore
internal import TLS
internal import Wire

/// One HTTP/2 connection to a member of etcd, and the calls on it.
///
/// It resolves, connects, handshakes, and lives until something fails or `close`; it is never opened
/// again. A peer that leaves a ping unanswered is given up.
final class GRPCConnection: ClientWire.Owner {
  private let loop: EventLoop
  let endpoint: Endpoint
  private let context: ClientContext?
  private let session: ClientSession
  private let reading: ReadingBlock
  private var wire: ClientWire?
  private var lookup: Lookup?
  private var addresses: ArraySlice<SocketAddress> = []
  private var calls: [Int32: GRPCCall] = [:]
  private var alarm: Alarm?
  private var isOpen = false
  private var isClosed = false
  private var isPongDue = false
  private let opened: () -> Void
  private let ended: (String) -> Void

  /// For resolving, and for connecting to one address with its handshake.
  private static let openWithin = Duration.seconds(2)
  /// etcd gives up clients that ping more often than every 5 s.
  private static let pingPeriod = Duration.seconds(6)
  private static let pongWithin = Duration.seconds(3)

  /// A connection that `open` begins.
  ///
  /// `ended` is called once, unless `close` comes first.
  init(
    to endpoint: Endpoint, context: ClientContext?, reading: ReadingBlock, loop: EventLoop,
    opened: @escaping () -> Void, ended: @escaping (String) -> Void
  ) throws(HTTP2Error) {
    self.endpoint = endpoint
    self.context = context
    self.reading = reading
    self.loop = loop
    self.opened = opened
    self.ended = ended
    session = try ClientSession()
    alarm = Alarm(on: loop) { [unowned self] in alarmWentOff() }
  }

  // MARK: Opening

  func open() {
    alarm?.set(after: Self.openWithin)
    if let address = SocketAddress(ip: endpoint.host, port: endpoint.port) {
      addresses = [address]
      return connect(elseBecause: "no address")
    }
    do throws(SystemError) {
      lookup = try Lookup(endpoint.host, port: endpoint.port, on: loop) { [unowned self] in
        resolved($0)
      }
    } catch {
      end("\(error)")
    }
  }

  private func resolved(_ answer: Lookup.Answer) {
    lookup = nil
    switch answer {
    case .success(let found):
      addresses = found[...]
      connect(elseBecause: "no address")
    case .failure(let error): end("\(error)")
    }
  }

  /// Tries the next address; after the last one the connection has ended for `reason`.
  private func connect(elseBecause reason: String) {
    wire?.close()
    wire = nil
    guard let address = addresses.popFirst() else { return end(reason) }
    alarm?.set(after: Self.openWithin)
    do {
      // etcd speaks gRPC to those who agree on HTTP/2 and its gateway's HTTP/1.1 to others.
      let security = context.map { ClientWire.Security($0, "h2", .named(endpoint.host)) }
      wire = try ClientWire(to: address, security, reading: reading, loop: loop, owner: self)
    } catch {
      connect(elseBecause: "\(error)")
    }
  }

  func wireOpened() {
    isOpen = true
    alarm?.set(after: Self.pingPeriod)
    for call in calls.values { call.mayHaveArrived = true }
    flush()
    opened()
  }

  func wireEnded(_ reason: String) {
    if isOpen { end(reason) } else { connect(elseBecause: reason) }
  }

  // MARK: Calls

  /// Begins a call; it waits for the connection if that is not open yet.
  func begin(_ call: GRPCCall, metadata: [ClientSession.Field]) {
    guard !isClosed else { return call.lost("the connection is closed") }
    do throws(HTTP2Error) {
      let fields: [ClientSession.Field] = [
        .init(":method", "POST"),
        .init(":scheme", endpoint.isSecure ? "https" : "http"),
        .init(":path", call.method.rawValue),
        .init(":authority", endpoint.authority),
        .init("content-type", "application/grpc"),
        .init("te", "trailers"),
        .init("user-agent", "edgeproxy"),
      ]
      let token = call.token.map { [ClientSession.Field("token", $0)] } ?? []
      call.stream = try session.request(fields + metadata + token)
      call.mayHaveArrived = isOpen
      calls[call.stream] = call
      flush()
    } catch {
      end("\(error)")
      call.lost("\(error)")
    }
  }

  func send(_ bytes: [UInt8], on stream: Int32, isLast: Bool) {
    session.send(bytes, on: stream, isLast: isLast)
    flush()
  }

  /// Ends a call's stream; the call hears nothing more.
  func forget(_ call: GRPCCall) {
    guard calls.removeValue(forKey: call.stream) != nil, !isClosed else { return }
    session.cancel(call.stream)
    flush()
  }

  // MARK: Bytes

  func wireReceived(_ bytes: borrowing Span<UInt8>) {
    do throws(HTTP2Error) {
      for event in try session.receive(bytes) where !isClosed { take(event) }
      flush()
    } catch {
      flush()
      end("\(error)")
    }
  }

  private func take(_ event: ClientSession.Event) {
    switch event {
    case .fields(let stream, let fields):
      guard let call = calls[stream] else { return }
      if let status = GRPCStatus(fields) {
        call.receive(status: status)
      } else if let refusal = GRPCStatus.refusal(ofHead: fields) {
        call.fail(.malformed(refusal))
      }
    case .data(let stream, let bytes): calls[stream]?.receive(bytes)
    case .piece: break
    case .ended(let stream): calls[stream]?.fail(.malformed("it ended without a status"))
    case .closed(let stream, let code):
      guard let call = calls.removeValue(forKey: stream) else { return }
      call.lost("the server reset the call, code \(code)")
    case .pong:
      isPongDue = false
      alarm?.set(after: Self.pingPeriod)
    case .goingAway(let lastStream, let code, let reason):
      // A server that leaves in order answers what it has begun; a watch would be open for ever.
      for call in calls.values where call.stream > lastStream { call.mayHaveArrived = false }
      end("the server is going away, code \(code)\(reason.isEmpty ? "" : ": " + reason)")
    }
  }

  private func flush() {
    guard isOpen, !isClosed else { return }
    do throws(HTTP2Error) {
      wire?.send(try session.output())
    } catch {
      end("\(error)")
    }
  }

  // MARK: Time

  private func alarmWentOff() {
    guard isOpen else {
      guard lookup == nil else { return end("'\(endpoint.host)' was not resolved in time") }
      return connect(elseBecause: "no connection to \(endpoint) in time")
    }
    guard !isPongDue else { return end("the server does not answer pings") }
    session.ping()
    isPongDue = true
    alarm?.set(after: Self.pongWithin)
    flush()
  }

  // MARK: The end

  /// Ends it without a word to `ended`; calls under way are lost.
  func close() {
    for call in letGo() { call.lost("the connection was closed") }
  }

  /// Ends it, and tells `ended` before the calls under way hear that they are lost.
  ///
  /// Whoever loses a call may begin another at once, and with it the next connection.
  func end(_ reason: String) {
    guard !isClosed else { return }
    let lost = letGo()
    ended(reason)
    for call in lost { call.lost(reason) }
  }

  /// The calls that were under way; none where it has ended already.
  private func letGo() -> [GRPCCall] {
    guard !isClosed else { return [] }
    isClosed = true
    alarm?.cancel()
    lookup?.cancel()
    wire?.close()
    defer { calls = [:] }
    return Array(calls.values)
  }
}

@available(*, unavailable) extension GRPCConnection: Sendable {}
