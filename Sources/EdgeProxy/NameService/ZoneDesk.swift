internal import Configuration
internal import DNSCore
internal import EventLoop
internal import HTTPCore
internal import Logging

/// Answers for the zone on one thread: what the answers are made of, where questions come in, and what
/// was counted.
final class ZoneDesk {
  let loop: EventLoop
  let counts: NameServiceCounts
  private let logger: Logger
  private var answers: ZoneAnswers
  /// Over UDP, of one network; `nil` for no limit.
  private var rate: RequestRate?
  private let rates = RateTable()
  private var ports: [QuestionPort] = []
  private var listeners: [QuestionListener] = []
  private(set) var connections: [QuestionConnection] = []
  /// By network.
  private var connectionCounts: [IPAddress: Int] = [:]
  /// Counts the answers, so that each begins with another address.
  private var turn = 0
  private var slip = ZoneSlip()
  private var answer: [UInt8] = []
  /// Where connections read to, one after the other.
  private var block = [UInt8](repeating: 0, count: QuestionConnection.questionBytesMax)
  private var troubles = Repeated()

  /// TCP connections at a time; a newcomer takes the place of the one that has been quiet for longest.
  static let connectionsMax = 256
  /// Of one network; one more is refused.
  static let connectionsPerNetworkMax = 16
  private static let troublePeriod = Duration.seconds(60)

  init(
    _ answers: ZoneAnswers, answersPerSecond: Int?, on loop: EventLoop,
    counts: NameServiceCounts = NameServiceCounts(), logger: Logger
  ) {
    self.answers = answers
    self.loop = loop
    self.counts = counts
    self.logger = logger
    limit(answersPerSecond)
    answer.reserveCapacity(QuestionConnection.questionBytesMax)
  }

  // MARK: Orders

  /// From now on these are the answers.
  func install(_ next: ZoneAnswers) { answers = next }

  /// Answers a second to one network over UDP, and as many at once; `nil` for no limit.
  func limit(_ answersPerSecond: Int?) {
    rate = answersPerSecond.map { RequestRate(perSecond: max(1, $0), burst: max(1, $0)) }
  }

  /// Has questions come in through a socket that is bound.
  func open(
    _ descriptor: consuming FileDescriptor, _ address: SocketAddress, _ carrier: DNSCarrier
  ) throws(SystemError) {
    switch carrier {
    case .udp:
      let port = QuestionPort(descriptor, address, desk: self)
      try port.start()
      ports.append(port)
    case .tcp:
      let listener = QuestionListener(descriptor, address, desk: self)
      try listener.start()
      listeners.append(listener)
    }
  }

  /// Closes an address; connections that came through it go on.
  func close(_ address: SocketAddress, _ carrier: DNSCarrier) {
    switch carrier {
    case .udp:
      for port in ports where port.address == address { port.close() }
      ports.removeAll { $0.address == address }
    case .tcp:
      for listener in listeners where listener.address == address { listener.close() }
      listeners.removeAll { $0.address == address }
    }
  }

  /// Closes everything.
  func close() {
    for port in ports { port.close() }
    for listener in listeners { listener.close() }
    ports = []
    listeners = []
    for connection in connections { connection.close() }
  }

  // MARK: Questions

  /// Answers a datagram; `false` where nothing is to be sent.
  func answer(
    datagram question: borrowing Span<UInt8>, from source: (high: UInt64, low: UInt64),
    into out: inout [UInt8]
  ) -> Bool {
    let network = ZoneNetwork.containing(IPAddress(high: source.high, low: source.low))
    if isBeyondLimit(network) {
      guard slip.isSent(to: network), case .sent = answers.lead(question, into: &out) else {
        counts.dropped.add()
        return false
      }
      counts.shortened.add()
      return true
    }
    turn &+= 1
    return isAnswer(answers.answer(question, over: .udp, turn: turn, into: &out), .udp)
  }

  private func isBeyondLimit(_ network: IPAddress) -> Bool {
    guard let rate else { return false }
    return rates.take(network, scope: 0, rate, now: loop.now.nanoseconds) != nil
  }

  /// Counts what became of a question.
  private func isAnswer(_ reply: ZoneReply, _ carrier: DNSCarrier) -> Bool {
    guard case .sent(let code, let kind) = reply else {
      counts.ignored.add()
      return false
    }
    counts.answers(over: carrier).add(code)
    counts.kinds.add(kind)
    return true
  }

  /// Answers a question of a connection behind what `out` has, with its length in front; `false` where
  /// it is none.
  func answer(stream question: borrowing Span<UInt8>, into out: inout [UInt8]) -> Bool {
    turn &+= 1
    let reply = answers.answer(question, over: .tcp, turn: turn, into: &answer)
    guard isAnswer(reply, .tcp), let length = UInt16(exactly: answer.count) else { return false }
    out.append(UInt8(length >> 8))
    out.append(UInt8(truncatingIfNeeded: length))
    out.append(contentsOf: answer)
    return true
  }

  // MARK: Connections

  /// A client has connected.
  func accepted(_ socket: consuming FileDescriptor) throws(SystemError) {
    // A client that is gone already has no address.
    guard let client = Socket.peerAddress(socket.raw).flatMap({ IPAddress($0) }) else { return }
    let network = ZoneNetwork.containing(client)
    counts.accepted.add()
    guard connectionCounts[network, default: 0] < Self.connectionsPerNetworkMax else {
      return counts.refused.add()
    }
    if connections.count >= Self.connectionsMax { displaceQuietest() }
    let connection = QuestionConnection(socket, of: network, desk: self)
    try connection.start()
    connections.append(connection)
    connectionCounts[network, default: 0] += 1
    counts.connections.set(connections.count)
  }

  /// Those that have never asked go first.
  private func displaceQuietest() {
    let quietest = connections.min { left, right in
      left.hasAsked == right.hasAsked
        ? left.quietSince < right.quietSince : right.hasAsked
    }
    counts.displaced.add()
    quietest?.close()
  }

  /// A connection is over.
  func closed(_ connection: QuestionConnection) {
    guard let place = connections.firstIndex(where: { $0 === connection }) else { return }
    connections.remove(at: place)
    counts.connections.set(connections.count)
    guard let count = connectionCounts[connection.network] else { return }
    connectionCounts[connection.network] = count > 1 ? count - 1 : nil
  }

  /// Reads what a connection has; `take` is given the bytes.
  func read(_ raw: Int32, _ take: (ArraySlice<UInt8>) -> Void) -> ReadOutcome {
    // Lent to this call: a span of what a class owns would outlive it.
    var lent: [UInt8] = []
    swap(&lent, &block)
    defer { swap(&lent, &block) }
    var space = lent.mutableSpan
    let outcome = Descriptor.read(raw, into: &space)
    if case .bytes(let count) = outcome { take(lent.prefix(count)) }
    return outcome
  }

  /// Connections wait because there are no descriptors or no memory for them.
  func report(_ error: SystemError) {
    guard let count = troubles.happened(every: Self.troublePeriod, now: loop.now) else { return }
    logger.warning(
      "connections to the name service wait", metadata: ["error": "\(error)", "times": "\(count)"])
  }
}

@available(*, unavailable) extension ZoneDesk: Sendable {}
