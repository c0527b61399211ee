package import EventLoop
internal import HTTPCore
internal import TLS
internal import Wire

/// etcd as the control thread uses it: calls with deadlines over one connection to whichever member
/// answers.
///
/// Nothing here blocks. A connection that fails is replaced by one to the next member, after a pause
/// once all have failed. Reads are asked again. A write that may have been applied is not; the
/// caller reads the key if it needs to know.
package final class EtcdClient {
  let loop: EventLoop
  private let reading = ReadingBlock()
  private var settings: EtcdSettings
  private var endpoints: Endpoints
  private var backoff: Backoff
  private var connection: GRPCConnection?
  private var pause: Alarm?
  private var isConnected = false
  private var isPausing = false
  private var isClosed = false
  private var login: Login
  private var loginPause: Alarm?
  private var scouts: MemberScouts?
  private var turnedAt: Instant?
  /// What the owners that wait before they ask again do when a member is back; by owner.
  var whenBack: [ObjectIdentifier: () -> Void] = [:]
  /// Calls that wait for a token; those without one go on at once.
  private var ungranted: [(Result<Void, CallError>) -> Void] = []

  /// Why the last connection or call failed; `nil` while all is well.
  package private(set) var lastFailure: String?

  /// `first` is the member to begin with, counted among the endpoints.
  package init(
    _ settings: EtcdSettings, on loop: EventLoop, first: Int = 0,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator()
  ) {
    self.loop = loop
    self.settings = settings
    endpoints = Endpoints(settings.endpoints, first: first)
    backoff = Backoff(random: random)
    login = Login(hasCredentials: settings.credentials != nil)
    pause = Alarm(on: loop) { [unowned self] in
      isPausing = false
      connect()
    }
    loginPause = Alarm(on: loop) { [unowned self] in
      login.pauseIsOver()
      logIn()
    }
    scouts = MemberScouts(settings.endpoints, on: loop) { [unowned self] in turn(to: $0) }
  }

  /// The member that is, or was last, asked.
  package var endpoint: Endpoint { connection?.endpoint ?? endpoints.current }

  package var isReachable: Bool { isConnected }

  var hasOtherMembers: Bool { settings.endpoints.count > 1 }

  var hasCredentials: Bool { settings.credentials != nil }

  /// Ends everything under way without a further word.
  package func close() {
    isClosed = true
    pause?.cancel()
    loginPause?.cancel()
    scouts?.stop()
    connection?.close()
    connection = nil
  }

  /// Goes on with other members, or as another user, as if the member that is asked were lost.
  ///
  /// What is under way is begun again there. Whether it is the same store, its answers tell.
  package func move(to next: EtcdSettings, first: Int = 0) {
    guard next != settings, !isClosed else { return }
    settings = next
    endpoints = Endpoints(next.endpoints, first: first)
    backoff.reset()
    login = Login(hasCredentials: next.credentials != nil)
    loginPause?.cancel()
    scouts?.stop()
    scouts = MemberScouts(next.endpoints, on: loop) { [unowned self] in turn(to: $0) }
    turnedAt = nil
    lastFailure = nil
    startAnew()
    // Nobody logs in for those that waited for the pause.
    let waiting = ungranted
    ungranted = []
    for next in waiting {
      next(.failure(.unreachable(reason: "etcd is another", mayHaveArrived: false)))
    }
  }

  // MARK: Calls

  /// Begins a call that may have many messages; it ends with the connection at the latest.
  ///
  /// `received` returns whether a message made sense. Metadata is sent beside our own.
  package func stream(
    _ method: MethodPath, metadata: [(String, String)] = [],
    received: @escaping (GRPCCall, [UInt8]) -> Bool,
    ended: @escaping (Result<Void, CallError>) -> Void,
    begun: @escaping (GRPCCall) -> Void
  ) {
    granted { [unowned self] grant in
      if case .failure(let error) = grant { return ended(.failure(error)) }
      guard let connection = connected() else {
        return ended(.failure(.unreachable(reason: reason, mayHaveArrived: false)))
      }
      let token = login.token
      let call = GRPCCall(method, token: token, on: connection) { [unowned self] in
        proved()
        return received($0, $1)
      } ended: { [unowned self] in
        note($0, token)
        ended($0)
      }
      connection.begin(call, metadata: metadata.map { .init($0, $1) })
      begun(call)
    }
  }

  /// Sends one message and takes one; other numbers of them are malformed.
  ///
  /// It is tried once. `completion` is called in any case.
  func once(
    _ method: MethodPath, _ message: [UInt8], within deadline: Duration,
    isAuthenticated: Bool = true, _ completion: @escaping (Result<[UInt8], CallError>) -> Void
  ) {
    guard isAuthenticated else { return ask(method, message, deadline, nil, completion) }
    granted { [unowned self] grant in
      switch grant {
      case .success: ask(method, message, deadline, login.token, completion)
      case .failure(let error): completion(.failure(error))
      }
    }
  }

  private func ask(
    _ method: MethodPath, _ message: [UInt8], _ deadline: Duration,
    _ token: String?, _ completion: @escaping (Result<[UInt8], CallError>) -> Void
  ) {
    guard let connection = connected() else {
      return completion(.failure(.unreachable(reason: reason, mayHaveArrived: false)))
    }
    var answer: [UInt8]?
    let call = GRPCCall(method, token: token, on: connection) { _, message in
      defer { answer = message }
      return answer == nil
    } ended: { [unowned self] result in
      note(result, token)
      if case .success = result { login.proved(token) }
      switch result {
      case .success:
        guard let answer else { return completion(.failure(.malformed("no message"))) }
        completion(.success(answer))
      case .failure(let error): completion(.failure(error))
      }
    }
    call.setDeadline(deadline, on: loop)
    connection.begin(call, metadata: [])
    call.send(message, isLast: true)
  }

  /// Gives up the member that is connected, because it does not answer as it should.
  func abandon(_ reason: String) { connection?.end(reason) }

  private func note(_ result: Result<Void, CallError>, _ token: String?) {
    guard case .failure(let error) = result else { return }
    if error.isAboutMember { scouts?.start() }
    if error.isAboutToken { login.refused(token) }
  }

  /// etcd ended a watch, and the reason may be the token of its call.
  ///
  /// etcd 3.4 gives `permission denied` as the reason for a token that it does not take.
  func noteCancel(of call: GRPCCall, _ reason: String) {
    if CallError.isAboutToken(reason) || reason.contains("permission denied") {
      login.refused(call.token)
    }
  }

  /// The member that is connected answers and is not cut off from the others.
  func proved() { scouts?.stop() }

  private var reason: String { lastFailure ?? "no connection to etcd" }

  // MARK: The connection

  /// The connection, begun if need be; `nil` while there is a pause.
  private func connected() -> GRPCConnection? {
    if connection == nil, !isPausing, !isClosed { connect() }
    return connection
  }

  private func connect() {
    guard connection == nil, !isClosed else { return }
    let endpoint = endpoints.current
    do {
      // The files are read each time, so that a renewed certificate needs no restart.
      let context =
        endpoint.isSecure
        ? try ClientContext(settings.identity, protocols: ["h2"]) : nil
      let connection = try GRPCConnection(
        to: endpoint, context: context, reading: reading, loop: loop,
        opened: { [unowned self] in opened() }, ended: { [unowned self] in ended($0) })
      self.connection = connection
      connection.open()
    } catch {
      ended("\(error)")
    }
  }

  private func opened() {
    isConnected = true
    lastFailure = nil
    endpoints.succeeded()
    backoff.reset()
  }

  private func ended(_ reason: String) {
    connection = nil
    isConnected = false
    lastFailure = "\(endpoints.current): \(reason)"
    if !isClosed { scouts?.start() }
    if endpoints.failed() {
      // All have failed in a row.
      isPausing = true
      pause?.set(after: backoff.next())
    }
  }

  /// A member that could not be reached can be: none is more likely to answer now.
  private func turn(to member: Int) {
    let now = loop.clockNow
    // Others come back with it, and the first has to have the time to answer.
    if let turnedAt, now < turnedAt + Self.turnAgainAfter { return }
    turnedAt = now
    endpoints.turn(to: member)
    startAnew()
  }

  /// Leaves the connection for one to the member that is current now.
  private func startAnew() {
    pause?.cancel()
    isPausing = false
    let previous = connection
    connection = nil
    isConnected = false
    previous?.close()
    connect()
    for hurry in whenBack.values { hurry() }
  }

  private static let turnAgainAfter = Duration.milliseconds(500)

  // MARK: Authentication

  /// Goes on once there is a token, where one is needed.
  private func granted(_ next: @escaping (Result<Void, CallError>) -> Void) {
    let step = login.wanted()
    guard step != .goOn else { return next(.success(())) }
    ungranted.append(next)
    switch step {
    case .goOn, .wait: break
    case .pause(let delay): loginPause?.set(after: delay)
    case .ask: logIn()
    }
  }

  private func logIn() {
    guard let credentials = settings.credentials else { return }
    let request = AuthenticateRequest(name: credentials.user, password: credentials.password)
    once(
      .authenticate, request.encoded(), within: Self.authenticateWithin, isAuthenticated: false
    ) { [unowned self] result in
      authenticated(result)
    }
  }

  private func authenticated(_ result: Result<[UInt8], CallError>) {
    let outcome: Result<Void, CallError>
    switch result.flatMap({ AuthenticateResponse.read($0) }) {
    case .success(let response):
      login.granted(response.token)
      outcome = .success(())
    // Nobody is asked for a password: the user's name alone does, or is not needed.
    case .failure(.refused(let status)) where status.code == .failedPrecondition:
      login.isNeedless()
      outcome = .success(())
    case .failure(let error):
      login.failed(error)
      outcome = .failure(error)
    }
    let waiting = ungranted
    ungranted = []
    for next in waiting { next(outcome) }
  }

  private static let authenticateWithin = Duration.seconds(5)
}

extension CallError {
  /// Whether another member may answer where this one did not.
  var isAboutMember: Bool {
    switch self {
    case .timedOut, .unreachable: true
    case .refused(let status): status.code == .unavailable
    case .malformed: false
    }
  }

  /// Whether etcd is there and does not want to do it; a lease that is over is granted anew.
  package var isRefusal: Bool {
    switch self {
    case .timedOut, .unreachable: false
    case .refused(let status):
      ![.unavailable, .deadlineExceeded, .aborted, .cancelled, .notFound].contains(status.code)
    case .malformed: true
    }
  }

  /// Whether etcd may do the same later: it is away, is without a leader, or has no room.
  package var mayPass: Bool {
    switch self {
    case .timedOut, .unreachable: true
    case .refused(let status):
      [.unavailable, .deadlineExceeded, .resourceExhausted, .aborted].contains(status.code)
    case .malformed: false
    }
  }

  /// Whether a fresh token may help.
  ///
  /// A token from before a restored backup leaves a call without an answer.
  var isAboutToken: Bool {
    switch self {
    case .timedOut: true
    case .refused(let status):
      status.code == .unauthenticated || Self.isAboutToken(status.message)
    case .unreachable, .malformed: false
    }
  }

  /// Whether etcd's users changed while it looked at the call, which helps itself without a token.
  var isAboutOldUsers: Bool {
    guard case .refused(let status) = self else { return false }
    return status.message.contains(Self.oldUsers)
  }

  /// Whether a message of etcd's means that it does not take the token.
  static func isAboutToken(_ message: String) -> Bool {
    ["user name is empty", "invalid auth token", "token is expired", oldUsers]
      .contains { message.contains($0) }
  }

  private static let oldUsers = "revision of auth store is old"
}

@available(*, unavailable) extension EtcdClient: Sendable {}
