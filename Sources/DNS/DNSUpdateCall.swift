package import DNSCore
package import EventLoop

/// A signed update to several servers of a zone, one after the other until one of them has made it.
///
/// An update may be sent to a second server after the first has made it and not said so: what it asks for is
/// the same. What it came to is told once, by the loop, never from within `init`.
package final class DNSUpdateCall: DNSWork {
  /// The server that has made it; or what each one said, with what to do about it.
  package typealias Outcome = Result<SocketAddress, DNSUpdateError>

  private let loop: EventLoop
  private let servers: [SocketAddress]
  private let zone: DNSName
  private let changes: [DNSUpdate.Change]
  private let key: TSIGKey
  private let clock: () -> Int64
  private var next = 0
  private var failures: [DNSUpdateError.Failure] = []
  private var work: (any DNSWork)?
  private var completion: ((Outcome) -> Void)?

  private static let serverTimeout = Duration.seconds(10)

  /// `servers` is not empty; `clock` gives seconds since 1970.
  package init(
    _ changes: [DNSUpdate.Change], of zone: DNSName, at servers: [SocketAddress], _ key: TSIGKey,
    on loop: EventLoop, clock: @escaping () -> Int64 = { WallTime.seconds },
    _ completion: @escaping (Outcome) -> Void
  ) {
    self.loop = loop
    self.servers = servers
    self.zone = zone
    self.changes = changes
    self.key = key
    self.clock = clock
    self.completion = completion
    askNext()
  }

  deinit { work?.cancel() }

  package func cancel() {
    completion = nil
    work?.cancel()
    work = nil
  }

  private func askNext() {
    guard next < servers.count else {
      work = DNSLater(on: loop) { [unowned self] in finish() }
      return
    }
    let server = servers[next]
    next += 1
    // A number and a time of its own for each server.
    let message = DNSUpdate.message(id: .random(in: 0 ... .max), zone: zone, changes)
    do throws(TSIGError) {
      let signed = try TSIG.sign(message, key, at: clock())
      work = DNSCall(
        signed.bytes, to: server, over: .tcp, within: Self.serverTimeout, on: loop,
        isAnswer: { (try? DNSMessage(decoding: $0))?.answers(message) ?? false },
        { [unowned self] in answered($0, server, signed) })
    } catch {
      failed(server, .signature(error))
    }
  }

  private func answered(
    _ outcome: DNSCall.Outcome, _ server: SocketAddress, _ signed: TSIG.Signed
  ) {
    work = nil
    switch outcome {
    case .failure(let error): failed(server, .call(error))
    case .success(let bytes):
      do throws(TSIGError) {
        let answer = try TSIG.verify(bytes, key, request: signed.code, at: clock())
        guard answer.code == .noError else { return failed(server, .refused(answer.code)) }
        tell(.success(server))
      } catch {
        failed(server, .signature(error))
      }
    }
  }

  private func failed(_ server: SocketAddress, _ reason: DNSUpdateError.Reason) {
    failures.append(DNSUpdateError.Failure(server: server, reason: reason))
    askNext()
  }

  private func finish() {
    tell(.failure(DNSUpdateError(zone: zone, key: key, failures: failures)))
  }

  private func tell(_ outcome: Outcome) {
    guard let completion else { return }
    cancel()
    completion(outcome)
  }
}

/// Why no server has made an update, for whoever has to mend it.
package struct DNSUpdateError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Reason: Equatable, Sendable {
    case call(DNSCallError)
    case refused(DNSCode)
    case signature(TSIGError)
  }

  package struct Failure: Equatable, Sendable {
    package let server: SocketAddress
    package let reason: Reason
  }

  package let zone: DNSName
  package let key: TSIGKey
  package let failures: [Failure]

  package var description: String {
    failures.map { text($0.reason, of: $0.server) }.joined(separator: "; ")
  }

  private func text(_ reason: Reason, of server: SocketAddress) -> String {
    switch reason {
    case .call(let error): "\(server): \(error)"
    case .refused(let code): refusal(code, of: server)
    case .signature(let error): text(error, of: server)
    }
  }

  private func refusal(_ code: DNSCode, of server: SocketAddress) -> String {
    switch code {
    case .refused:
      "\(server) does not let the key '\(key.name)' change the zone '\(zone)' (REFUSED): allow it"
        + " there, with allow-update or update-policy in BIND, with an acl of action update in Knot"
    case .notAuthorized:
      "\(server) is not the primary of the zone '\(zone)' (NOTAUTH): compare the zone, and send"
        + " updates to its primary"
    case .notInZone: "\(server) says that a name is not in the zone '\(zone)' (NOTZONE)"
    case .notImplemented: "\(server) takes no updates (NOTIMP); use another server, or a hook"
    case .serverFailed:
      "\(server) failed to change the zone '\(zone)' (SERVFAIL): its log says why; often it may not"
        + " write the zone's journal"
    default: "\(server) did not change the zone '\(zone)': \(code)"
    }
  }

  private func text(_ error: TSIGError, of server: SocketAddress) -> String {
    switch error {
    case .told(.badKey):
      "\(server) does not know the key '\(key.name)' (BADKEY): add it there, with the algorithm"
        + " \(key.algorithm.rawValue)"
    case .told(.badSignature):
      "\(server) has another secret for the key '\(key.name)' (BADSIG): compare the two"
    case .told(let code): "\(server) does not take our signature: \(code)"
    case .clock(let ahead):
      "the clock of \(server) is \(ahead.magnitude) s \(ahead < 0 ? "behind" : "ahead of") ours, and"
        + " signatures allow \(TSIG.fudge) s (BADTIME): set both by NTP"
    case .unsigned(let code):
      "\(server) answers \(code) without a signature by the key '\(key.name)', so it may not come"
        + " from it"
        + (code == .noError ? "" : ": see whether it takes updates signed with this key")
    case .otherKey: "\(server) signs with another key than '\(key.name)'"
    case .wrongCode:
      "the answer of \(server) has a wrong signature: compare the secrets of the key '\(key.name)'"
    case .malformed(let error): "\(server): \(error)"
    case .noCode: "the signature for \(server) cannot be made"
    }
  }
}

@available(*, unavailable) extension DNSUpdateCall: Sendable {}
