internal import DNS
internal import DNSCore
internal import EventLoop

/// Questions to name servers, many at once, for a command that waits for all of them.
final class NamesQuestions {
  private let loop: EventLoop
  private var open: [Int: any DNSWork] = [:]
  private var next = 0

  /// So many at once, for the sake of their sockets.
  private static let openMax = 64

  init(on loop: EventLoop) { self.loop = loop }

  /// Asks the servers one after the other until one answers.
  func query(
    _ name: DNSName, _ type: DNSType, at servers: [SocketAddress], recursive: Bool,
    _ done: @escaping (DNSQuery.Outcome) -> Void
  ) throws(SystemError) {
    let number = try room()
    open[number] = DNSQuery(name, type, at: servers, recursive: recursive, on: loop) {
      [unowned self] in
      open[number] = nil
      done($0)
    }
  }

  /// Asks one server over one carrier.
  func probe(
    _ question: DNSQuestion, at server: SocketAddress, over carrier: DNSCall.Carrier,
    _ done: @escaping (DNSProbe.Outcome) -> Void
  ) throws(SystemError) {
    let number = try room()
    open[number] = DNSProbe(question, at: server, over: carrier, on: loop) { [unowned self] in
      open[number] = nil
      done($0)
    }
  }

  private func room() throws(SystemError) -> Int {
    while open.count >= Self.openMax { try loop.turn(mayWait: true) }
    next += 1
    return next
  }

  /// Waits until every question is answered.
  func settle() throws(SystemError) {
    while !open.isEmpty { try loop.turn(mayWait: true) }
  }
}

@available(*, unavailable) extension NamesQuestions: Sendable {}
