internal import EventLoop

/// The calls that get one answer.
///
/// Reads are asked again, of the next member, until `answeredWithin`. Writes are asked again only
/// where nothing arrived. A write that may have been applied is not retried; the caller reads the
/// key if it needs to know.
extension EtcdClient {
  package typealias Completion<Response> = (Result<Response, CallError>) -> Void

  package func range(_ request: RangeRequest, _ completion: @escaping Completion<RangeResponse>) {
    call(.range, request.encoded(), isRead: true, completion)
  }

  package func put(_ request: PutRequest, _ completion: @escaping Completion<PutResponse>) {
    call(.put, request.encoded(), isRead: false, completion)
  }

  package func deleteRange(
    _ request: DeleteRangeRequest, _ completion: @escaping Completion<DeleteRangeResponse>
  ) {
    call(.deleteRange, request.encoded(), isRead: false, completion)
  }

  package func txn(_ request: TxnRequest, _ completion: @escaping Completion<TxnResponse>) {
    call(.txn, request.encoded(), isRead: false, completion)
  }

  package func leaseGrant(
    _ request: LeaseGrantRequest, _ completion: @escaping Completion<LeaseGrantResponse>
  ) {
    call(.leaseGrant, request.encoded(), isRead: false, completion)
  }

  package func leaseRevoke(
    _ request: LeaseRevokeRequest, _ completion: @escaping Completion<LeaseRevokeResponse>
  ) {
    call(.leaseRevoke, request.encoded(), isRead: false, completion)
  }

  /// What the member says of itself and its cluster; asked once, without authentication.
  package func status(_ completion: @escaping Completion<StatusResponse>) {
    once(.status, StatusRequest().encoded(), within: Self.statusWithin, isAuthenticated: false) {
      completion($0.flatMap(StatusResponse.read))
    }
  }

  private func call<Response: Answer>(
    _ method: MethodPath, _ message: [UInt8], isRead: Bool,
    _ completion: @escaping Completion<Response>
  ) {
    let repetition = Repetition(
      self, method, message, isRead: isRead, until: loop.clockNow + Self.answeredWithin
    ) { completion($0.flatMap(Response.read)) }
    repetition.attempt()
  }

  /// Without a quorum etcd itself gives up after 7 s.
  static let answeredWithin = Duration.seconds(9)
  private static let statusWithin = Duration.seconds(3)
}

/// A message that answers a call.
protocol Answer {
  init(decoding bytes: [UInt8]) throws(ProtobufError)
}

extension Answer {
  static func read(_ bytes: [UInt8]) -> Result<Self, CallError> {
    do throws(ProtobufError) {
      return .success(try Self(decoding: bytes))
    } catch {
      return .failure(.malformed("\(Self.self): \(error)"))
    }
  }
}

extension AuthenticateResponse: Answer {}
extension DeleteRangeResponse: Answer {}
extension LeaseGrantResponse: Answer {}
extension LeaseKeepAliveResponse: Answer {}
extension LeaseRevokeResponse: Answer {}
extension PutResponse: Answer {}
extension RangeResponse: Answer {}
extension StatusResponse: Answer {}
extension TxnResponse: Answer {}
extension WatchResponse: Answer {}

/// One call, asked again until it is answered, refused or too late.
private final class Repetition {
  private let client: EtcdClient
  private let method: MethodPath
  private let message: [UInt8]
  private let isRead: Bool
  private let deadline: Instant
  private let completion: (Result<[UInt8], CallError>) -> Void
  private var alarm: Alarm?

  /// How long one member may take to answer a read while there are others.
  private static let readWithin = Duration.seconds(3)
  private static let pause = Duration.milliseconds(100)

  init(
    _ client: EtcdClient, _ method: MethodPath, _ message: [UInt8], isRead: Bool,
    until deadline: Instant, _ completion: @escaping (Result<[UInt8], CallError>) -> Void
  ) {
    self.client = client
    self.method = method
    self.message = message
    self.isRead = isRead
    self.deadline = deadline
    self.completion = completion
  }

  func attempt() {
    let left = deadline - client.loop.clockNow
    let within = isRead && client.hasOtherMembers ? min(left, Self.readWithin) : left
    client.once(method, message, within: within) { result in
      guard case .failure(let error) = result, self.helpsAgain(error) else {
        if case .success = result { self.client.proved() }
        return self.completion(result)
      }
      if case .timedOut = error { self.client.abandon("no answer in time") }
      self.later()
    }
  }

  private func later() {
    // The alarm is kept by this object and this object by the alarm, until it goes off.
    let alarm = Alarm(on: client.loop) {
      self.alarm = nil
      self.attempt()
    }
    alarm.set(after: Self.pause)
    self.alarm = alarm
  }

  private func helpsAgain(_ error: CallError) -> Bool {
    guard client.loop.clockNow + Self.pause + Self.pause < deadline else { return false }
    switch error {
    case .unreachable(_, let mayHaveArrived): return isRead || !mayHaveArrived
    case .timedOut: return isRead
    case .refused(let status):
      // An outdated token was refused before anything was done; without a user none will come.
      if error.isAboutToken { return client.hasCredentials || error.isAboutOldUsers }
      return isRead && status.code == .unavailable
    case .malformed: return false
    }
  }
}
