import Etcd

extension ParserProperties {
  /// The body of an answer of etcd gives the same messages wherever it is cut; reading them as any
  /// message ends, and a watched prefix that is told them stays consistent.
  package static func etcdMessages(_ input: [UInt8]) -> String? {
    let whole = framed([input])
    let place = cut(input)
    let inTwo = framed([Array(input[..<place]), Array(input[place...])])
    // An error takes the messages with it that came in the same piece.
    guard inTwo.error == whole.error, whole.error != nil || inTwo.messages == whole.messages else {
      return "cut at \(place), other messages"
    }
    for message in inTwo.messages {
      for decode in decoders { decode(message) }
    }
    return watching(inTwo.messages)
  }

  private struct Framed {
    var messages: [[UInt8]] = []
    var error: FramingError?
  }

  private static func framed(_ pieces: [[UInt8]]) -> Framed {
    var framer = MessageFramer()
    var framed = Framed()
    for piece in pieces where framed.error == nil {
      do throws(FramingError) {
        framed.messages += try framer.receive(piece)
      } catch {
        framed.error = error
      }
    }
    return framed
  }

  private static let decoders: [@Sendable ([UInt8]) -> Void] = [
    { _ = try? RangeResponse(decoding: $0) }, { _ = try? PutResponse(decoding: $0) },
    { _ = try? DeleteRangeResponse(decoding: $0) }, { _ = try? TxnResponse(decoding: $0) },
    { _ = try? WatchResponse(decoding: $0) }, { _ = try? LeaseGrantResponse(decoding: $0) },
    { _ = try? LeaseRevokeResponse(decoding: $0) },
    { _ = try? LeaseKeepAliveResponse(decoding: $0) }, { _ = try? StatusResponse(decoding: $0) },
    { _ = try? AuthenticateResponse(decoding: $0) },
  ]

  /// Tells a watch of `/w/` that is at revision 5 all that is an answer of a watch.
  private static func watching(_ messages: [[UInt8]]) -> String? {
    var watching = Watching(.prefix(octets("/w/")))
    guard watching.start() == .list else { return "it does not begin with a listing" }
    var header = ResponseHeader()
    header.revision = 5
    guard watching.listed(header, []).step == .watch(from: 6) else { return "no watch" }
    var keys: Set<[UInt8]> = []
    for message in messages {
      guard let response = try? WatchResponse(decoding: message) else { continue }
      let before = watching.lastSeen ?? 0
      let outcome = watching.received(response)
      guard let after = watching.lastSeen, after >= before else { return "it went back" }
      if let changes = outcome.changes {
        guard !changes.isEmpty else { return "changes without a change" }
        let told = changes.put.map(\.key) + changes.removed
        guard told.allSatisfy({ $0.starts(with: octets("/w/")) }) else { return "a foreign key" }
        guard Set(told).count == told.count else { return "a key told twice" }
        keys.formUnion(told)
      }
      switch outcome.step {
      case .nothing: break
      case .list:
        guard watching.listed(header, []).step == .watch(from: 6) else { return "no new watch" }
      case .wait(let pause):
        guard (Duration.milliseconds(50)...Backoff.longest).contains(pause) else {
          return "a pause of \(pause)"
        }
        guard !watching.isSynced else { return "in step while it waits" }
        return nil
      case .confirm, .watch: return "\(outcome.step) after a message"
      }
    }
    return nil
  }
}
