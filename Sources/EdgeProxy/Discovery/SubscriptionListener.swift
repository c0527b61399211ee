internal import EventLoop
internal import Glibc
internal import HTTPCore

/// One socket that subscriptions come in at.
final class SubscriptionListener: EventSource {
  /// As the configuration has it, and what the kernel made of it: port 0 is any.
  let asked: SocketAddress
  let address: SocketAddress
  private let loop: EventLoop
  private let descriptor: FileDescriptor
  private let take: (borrowing Span<UInt8>, SubscriptionSource) -> Void
  private let turnDone: () -> Void
  private var token = SourceToken.none
  /// One byte more than counts, so that a longer datagram is seen to be too long.
  private var space = [UInt8](repeating: 0, count: SubscriptionDatagram.bytesMax + 1)
  private var budget: DatagramBudget
  private var isPaused = false

  /// The most datagrams that are read before others have their turn.
  private static let datagramsPerTurn = 256
  /// For bursts, which uWSGI makes because its announcements have no jitter.
  private static let bufferBytes: Int32 = 4 << 20
  /// Its owner and its group may write to a unix socket.
  private static let permissions: UInt32 = 0o660

  /// Binds; `take` is given each datagram, `turnDone` is called after some.
  init(
    _ address: SocketAddress, loop: EventLoop,
    take: @escaping (borrowing Span<UInt8>, SubscriptionSource) -> Void,
    turnDone: @escaping () -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.take = take
    self.turnDone = turnDone
    budget = DatagramBudget(DatagramBudget.reading, now: loop.now)
    if address.family == .unix { Self.removeLeftover(address) }
    descriptor = try Datagram.bind(
      address, bufferBytes: Self.bufferBytes,
      permissions: address.family == .unix ? Self.permissions : nil)
    asked = address
    self.address =
      address.family == .unix ? address : Socket.localAddress(descriptor.raw) ?? address
    token = try loop.register(descriptor.raw, self, [.readable])
  }

  /// The socket of a process that has ended is in nobody's use: nobody can send to it.
  private static func removeLeftover(_ address: SocketAddress) {
    var facts = stat()
    // SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in
    // the frame that calls.
    guard !address.host.hasPrefix("@"), unsafe lstat(address.host, &facts) == 0,
      facts.st_mode & S_IFMT == S_IFSOCK, !Datagram.isTaken(address)
    else { return }
    _ = unsafe unlink(address.host)
  }

  func ready(_ events: Readiness) {
    for _ in 0..<Self.datagramsPerTurn {
      guard budget.take(now: loop.now) else {
        pause()
        break
      }
      guard receive() else { break }
    }
    turnDone()
  }

  private func receive() -> Bool {
    // Lent to this call: a span of what a class owns would outlive it.
    var lent: [UInt8] = []
    swap(&lent, &space)
    defer { swap(&lent, &space) }
    var span = lent.mutableSpan
    guard case .datagram(let count, let from) = Datagram.receive(descriptor.raw, into: &span) else {
      return false
    }
    let source = from.flatMap { IPAddress($0) }.map { SubscriptionSource.machine($0) } ?? .unix
    take(lent.span.extracting(0..<count), source)
    return true
  }

  /// Leaves the rest to the kernel until the next beat.
  private func pause() {
    guard !isPaused else { return }
    isPaused = true
    try? loop.modify(descriptor.raw, token, [])
  }

  /// Called every second.
  func resume() {
    guard isPaused else { return }
    isPaused = false
    try? loop.modify(descriptor.raw, token, [.readable])
  }

  func close() {
    loop.unregister(descriptor.raw, token)
    token = .none
    // SAFETY: the path is a C string for the length of the call.
    if address.family == .unix, !address.host.hasPrefix("@") { _ = unsafe unlink(address.host) }
  }
}
