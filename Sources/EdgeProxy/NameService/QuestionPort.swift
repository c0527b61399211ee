internal import EventLoop

/// An address at which questions come in over UDP.
final class QuestionPort: EventSource {
  /// The most datagrams that are answered before others have their turn.
  static let datagramsPerTurn = 64
  /// A longer question is none.
  static let questionBytesMax = 4096
  /// For bursts: some thousand questions, which are answered within 30 ms.
  static let bufferBytes: Int32 = 2 << 20

  let address: SocketAddress
  private let port: DatagramPort
  /// The desk owns its ports.
  private unowned let desk: ZoneDesk
  private var token = SourceToken.none
  private var space = [UInt8](repeating: 0, count: questionBytesMax)
  private var answer: [UInt8] = []

  init(_ descriptor: consuming FileDescriptor, _ address: SocketAddress, desk: ZoneDesk) {
    self.address = address
    self.desk = desk
    port = DatagramPort(descriptor)
    answer.reserveCapacity(Self.questionBytesMax)
  }

  func start() throws(SystemError) {
    token = try desk.loop.register(port.raw, self, [.readable])
  }

  /// Nobody is answered here any more; the descriptor goes with this object.
  func close() {
    desk.loop.unregister(port.raw, token)
    token = .none
  }

  func ready(_ events: Readiness) {
    // Lent to this call: a span of what a class owns would outlive it.
    var lent: [UInt8] = []
    swap(&lent, &space)
    defer { swap(&lent, &space) }
    for _ in 0..<Self.datagramsPerTurn {
      var span = lent.mutableSpan
      switch port.receive(into: &span) {
      case .none: return
      case .tooLong: desk.counts.ignored.add()
      case .datagram(let count): answer(lent.span.extracting(0..<count))
      }
    }
  }

  private func answer(_ question: borrowing Span<UInt8>) {
    guard desk.answer(datagram: question, from: port.source, into: &answer) else { return }
    let bytes = answer
    if !port.reply(bytes.span) { desk.counts.unsent.add() }
  }
}

@available(*, unavailable) extension QuestionPort: Sendable {}
