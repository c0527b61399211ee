package import DNSCore
package import EventLoop

/// A question to several servers, one after the other until one of them answers.
///
/// It goes over UDP, and over TCP where an answer does not fit (RFC 7766). What it came to is told once, by
/// the loop, never from within `init`.
package final class DNSQuery: DNSWork {
  /// An answer, also that there is no such name; or what each server said, or did not.
  package typealias Outcome = Result<DNSMessage, DNSQueryError>

  private let loop: EventLoop
  private let servers: [SocketAddress]
  private let message: DNSMessage
  private let bytes: [UInt8]
  private var next = 0
  private var failures: [String] = []
  private var work: (any DNSWork)?
  private var completion: ((Outcome) -> Void)?

  /// How long each server has.
  package static let serverTimeout = Duration.seconds(3)
  /// What fits into a packet everywhere, RFC 9715 §3.
  private static let datagramBytesMax: UInt16 = 1232

  /// `recursive` asks servers that ask others; servers of a zone are asked without.
  package init(
    _ name: DNSName, _ type: DNSType, at servers: [SocketAddress], recursive: Bool,
    on loop: EventLoop, _ completion: @escaping (Outcome) -> Void
  ) {
    self.loop = loop
    self.servers = servers
    self.completion = completion
    message = Self.message(DNSQuestion(name: name, type: type), recursive: recursive)
    // One name and an empty record always fit.
    bytes = (try? message.encoded()) ?? []
    askNext()
  }

  /// The message that asks it.
  static func message(_ question: DNSQuestion, recursive: Bool) -> DNSMessage {
    var message = DNSMessage(id: .random(in: 0 ... .max))
    message.wantsRecursion = recursive
    message.questions = [question]
    // EDNS, RFC 6891 §6.1.2: its class is the size that we take.
    message.additionals = [
      DNSRecord(
        name: .root, domain: DNSClass(rawValue: datagramBytesMax), seconds: 0,
        data: .other(.options, []))
    ]
    return message
  }

  deinit { work?.cancel() }

  package func cancel() {
    completion = nil
    work?.cancel()
    work = nil
  }

  private func askNext() {
    guard next < servers.count else {
      work = DNSLater(on: loop) { [unowned self] in
        finish(.failure(DNSQueryError(description: failures.joined(separator: "; "))))
      }
      return
    }
    let server = servers[next]
    next += 1
    ask(server, over: .udp)
  }

  private func ask(_ server: SocketAddress, over carrier: DNSCall.Carrier) {
    let message = message
    work = DNSCall(
      bytes, to: server, over: carrier, within: Self.serverTimeout, on: loop,
      isAnswer: { (try? DNSMessage(decoding: $0))?.answers(message) ?? false },
      { [unowned self] in answered($0, server, carrier) })
  }

  private func answered(
    _ outcome: DNSCall.Outcome, _ server: SocketAddress, _ carrier: DNSCall.Carrier
  ) {
    work = nil
    switch outcome {
    case .failure(let error): failed(server, "\(error)")
    case .success(let bytes):
      guard let answer = try? DNSMessage(decoding: bytes) else {
        return failed(server, "\(DNSCallError.otherAnswer)")
      }
      if answer.isTruncated, carrier == .udp { return ask(server, over: .tcp) }
      guard answer.code == .noError || answer.code == .noSuchName else {
        return failed(server, "it answers \(answer.code)")
      }
      finish(.success(answer))
    }
  }

  private func failed(_ server: SocketAddress, _ reason: String) {
    failures.append("\(server): \(reason)")
    askNext()
  }

  private func finish(_ outcome: Outcome) {
    guard let completion else { return }
    cancel()
    completion(outcome)
  }
}

/// What each server said, or did not, where none had an answer.
package struct DNSQueryError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }
}

@available(*, unavailable) extension DNSQuery: Sendable {}
