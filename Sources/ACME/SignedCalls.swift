internal import EventLoop
internal import HTTPCore
internal import TLS
internal import Wire

/// Requests to one CA with what RFC 8555 §6 asks of each: signature, nonce, and a second try where the
/// nonce was too old.
final class SignedCalls {
  /// One request, and how far it is.
  private struct Call {
    let url: HTTPURL
    let payload: [UInt8]?
    let key: SigningKey
    let signer: JWS.Signer
    let newNonce: HTTPURL
    let done: (Result<ACMEAnswer, ACMEError>) -> Void
    var noncesRefused = 0
  }

  private let caller: HTTPCaller
  private let loop: EventLoop
  /// The newest last; each is used once.
  private var nonces: [String] = []
  private var isClosed = false
  /// The CA's clock minus ours in seconds, from its last answer to a signed request.
  private(set) var clockDifference: Int64?

  /// What one request may take.
  static let timeMax = Duration.seconds(30)
  /// A CA with many machines that each know nonces of their own refuses some in a row.
  static let noncesRefusedMax = 30
  private static let noncesMax = 16

  init(_ caller: HTTPCaller, on loop: EventLoop) {
    self.caller = caller
    self.loop = loop
  }

  /// Nothing is told afterwards.
  func close() { isClosed = true }

  /// Asks without a signature.
  func get(_ url: HTTPURL, _ done: @escaping (Result<ACMEAnswer, ACMEError>) -> Void) {
    let request = HTTPRequest(method: .get, url: url, fields: Self.fields)
    send(request) { [weak self] result in
      guard let self else { return }
      done(result.flatMap { self.judge($0) })
    }
  }

  /// Posts what `signer` signs with `key`; without a payload it asks to read.
  ///
  /// `done` is told later, never within this call.
  func post(
    _ url: HTTPURL, _ payload: [UInt8]?, _ key: SigningKey, _ signer: JWS.Signer,
    newNonce: HTTPURL, _ done: @escaping (Result<ACMEAnswer, ACMEError>) -> Void
  ) {
    sign(
      Call(
        url: url, payload: payload, key: key, signer: signer, newNonce: newNonce, done: done))
  }

  private static let fields = [
    (
      name: "Accept",
      value: "application/json, application/pem-certificate-chain, application/problem+json"
    ),
    (name: "Accept-Language", value: "en"),
  ]

  private func send(
    _ request: HTTPRequest, _ done: @escaping (Result<HTTPResponse, ACMEError>) -> Void
  ) {
    caller.call(request, within: Self.timeMax) { [weak self] result in
      guard let self, !isClosed else { return }
      done(result.mapError { .unreachable("\($0)") })
    }
  }

  private func sign(_ call: Call) {
    guard let nonce = nonces.popLast() else { return askNonce(call) }
    do throws(ACMEError) {
      let body = try JWS.request(
        call.payload, to: call.url.description, nonce: nonce, key: call.key, call.signer)
      let fields = Self.fields + [(name: "Content-Type", value: "application/jose+json")]
      send(HTTPRequest(method: .post, url: call.url, fields: fields, body: body)) {
        [weak self] result in
        self?.answered(call, result)
      }
    } catch {
      loop.atTurnEnd(
        Later { [weak self] in
          guard let self, !isClosed else { return }
          call.done(.failure(error))
        })
    }
  }

  /// RFC 8555 §7.2.
  private func askNonce(_ call: Call) {
    let request = HTTPRequest(method: .head, url: call.newNonce, fields: Self.fields)
    send(request) { [weak self] result in
      guard let self else { return }
      switch result {
      case .failure(let error): call.done(.failure(error))
      case .success(let response):
        keepNonce(response)
        guard nonces.isEmpty else { return sign(call) }
        switch judge(response) {
        case .failure(let error): call.done(.failure(error))
        case .success: call.done(.failure(.malformed("newNonce gives no nonce")))
        }
      }
    }
  }

  private func answered(_ call: Call, _ result: Result<HTTPResponse, ACMEError>) {
    let response: HTTPResponse
    switch result {
    case .failure(let error): return call.done(.failure(error))
    case .success(let arrived): response = arrived
    }
    if let date = Self.date(response) { clockDifference = date - WallTime.seconds }
    let judged = judge(response)
    var isRefused = false
    if case .failure(let error) = judged { isRefused = error.problem?.type == "badNonce" }
    // The CA may have been started anew, and know none of the old ones.
    if isRefused { nonces = [] }
    keepNonce(response)
    guard isRefused, call.noncesRefused < Self.noncesRefusedMax else { return call.done(judged) }
    var call = call
    call.noncesRefused += 1
    sign(call)
  }

  /// RFC 8555 §6.5.1: one that is not base64url is no nonce.
  private func keepNonce(_ response: HTTPResponse) {
    guard let nonce = response.first("Replay-Nonce"), Challenge.isToken(nonce) else { return }
    nonces.append(nonce)
    if nonces.count > Self.noncesMax { nonces.removeFirst() }
  }

  private func judge(_ response: HTTPResponse) -> Result<ACMEAnswer, ACMEError> {
    let now = Self.date(response) ?? WallTime.seconds
    let retryAfter = response.first("Retry-After").flatMap { RetryAfter.read($0, now: now) }
    guard !(200..<300).contains(response.status) else {
      return .success(
        ACMEAnswer(
          status: response.status, body: response.body, location: response.first("Location"),
          retryAfter: retryAfter))
    }
    guard response.status >= 400, let problem = try? Problem(response.body) else {
      return .failure(.status(response.status, retryAfter: retryAfter))
    }
    return .failure(.problem(problem, status: response.status, retryAfter: retryAfter))
  }

  /// The time at which the CA made the answer.
  private static func date(_ response: HTTPResponse) -> Int64? {
    guard let text = response.first("Date") else { return nil }
    let bytes = Array(text.utf8)
    return HTTPDate.parseAnyForm(bytes.span)
  }
}

@available(*, unavailable) extension SignedCalls: Sendable {}

/// Something to do once this turn's events are through.
final class Later: TurnEnd {
  private let action: () -> Void

  init(_ action: @escaping () -> Void) { self.action = action }

  func turnEnded() { action() }
}

@available(*, unavailable) extension Later: Sendable {}
