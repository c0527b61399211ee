import ACME
import TLS
import Wire

extension ParserProperties {
  /// Whatever a CA sends: what is read of it is within bounds, its addresses have TLS, and an order
  /// ends whatever the answers are.
  package static func acme(_ bytes: [UInt8]) -> String? {
    if let complaint = directory(bytes) ?? order(bytes) ?? authorization(bytes)
      ?? problem(bytes) ?? times(bytes)
    {
      return complaint
    }
    var life = AnyOrderLife(FuzzInput(bytes))
    return life.live()
  }

  private static let home = HTTPURL("https://ca.test/directory")

  private static func isLine(_ text: String) -> Bool {
    text.utf8.count <= Document.textBytesMax
      && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
  }

  private static func directory(_ bytes: [UInt8]) -> String? {
    guard let home, let read = try? Directory(bytes, from: home) else { return nil }
    let urls = [
      read.newNonce, read.newAccount, read.newOrder, read.revokeCert, read.keyChange,
      read.renewalInfo,
    ]
    guard urls.allSatisfy({ $0?.isSecure != false }) else { return "an address without TLS" }
    guard (read.profiles + read.caaIdentities + [read.termsOfService ?? ""]).allSatisfy(isLine)
    else { return "a text of the directory is out of bounds" }
    return max(read.profiles.count, read.caaIdentities.count) <= Document.itemsMax
      ? nil : "a list of the directory is too long"
  }

  private static func order(_ bytes: [UInt8]) -> String? {
    guard let home, let read = try? Order(bytes, LinkRule(directory: home)) else { return nil }
    guard read.authorizations.allSatisfy(\.isSecure), read.finalize.isSecure,
      read.certificate?.isSecure != false
    else { return "an address of the order has no TLS" }
    return max(read.authorizations.count, read.names.count) <= Document.itemsMax
      ? read.problem.flatMap(faults) : "a list of the order is too long"
  }

  private static func authorization(_ bytes: [UInt8]) -> String? {
    guard let read = try? Authorization(bytes) else { return nil }
    guard read.challenges.count <= read.offered.count, read.offered.count <= Document.itemsMax
    else { return "more challenges than there may be" }
    for challenge in read.challenges {
      guard (1...Challenge.tokenBytesMax).contains(challenge.token.utf8.count),
        challenge.token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x2e })
      else { return "a token that cannot stand in a path" }
    }
    return read.problem.flatMap(faults)
  }

  private static func problem(_ bytes: [UInt8]) -> String? {
    guard let read = try? Problem(bytes) else { return nil }
    return faults(read)
  }

  private static func faults(_ problem: Problem) -> String? {
    let texts =
      [problem.type, problem.detail, problem.description]
      + problem.parts.flatMap { [$0.type, $0.detail, $0.name ?? ""] }
    guard texts.allSatisfy(isLine) else { return "a text of a problem is out of bounds" }
    return problem.parts.count <= Document.itemsMax ? nil : "a problem has too many parts"
  }

  private static func times(_ bytes: [UInt8]) -> String? {
    if let info = try? RenewalInfo(bytes), info.start >= info.end { return "an empty window" }
    _ = try? Account(bytes)
    let said = String(decoding: bytes, as: UTF8.self)
    if let seconds = Timestamp.seconds(said) {
      guard (-62_135_683_200...253_402_387_200).contains(seconds) else { return "year \(seconds)" }
    }
    for now in [Int64.min, 0, 1_800_000_000, .max] {
      guard let period = RetryAfter.read(said, now: now) else { continue }
      guard (.zero...RetryAfter.longest).contains(period) else { return "a wait of \(period)" }
    }
    return nil
  }
}

/// An order whose every answer an input chooses, and sometimes an input that is out of order.
private struct AnyOrderLife {
  private var input: FuzzInput
  private var isStored = false
  private var waits = Duration.zero
  private static let names = ["*.a.test", "a.test", "b.test"]
  /// The longest order asks about each name in each pause.
  private static let stepsMax = 20_000

  init(_ input: FuzzInput) { self.input = input }

  mutating func live() -> String? {
    guard let url = HTTPURL("https://ca.test/directory"),
      let directory = try? Directory(Array(ACMEDocuments.directory.utf8), from: url),
      let key = try? SigningKey(making: .ecdsa), let pem = try? key.pem()
    else { return "no life to begin with" }
    let record = OrderRecord(
      issuer: "https://ca.test/directory", order: "https://ca.test/order/1", key: pem,
      names: Self.names)
    let isResumed = input.flag()
    isStored = isResumed
    var machine = OrderMachine(
      names: Self.names, challenge: input.choice(ChallengeType.allCases), kind: .ecdsa,
      profile: "short", replaces: input.flag() ? "a.b" : nil, directory: directory,
      accountThumbprint: "thumb", resuming: isResumed ? record : nil)
    var step = machine.begin()
    for _ in 0..<Self.stepsMax {
      switch step {
      case .finished, .failed: return stays(step, &machine, key)
      default: break
      }
      if let complaint = judge(step) { return complaint }
      step = answer(step, &machine, key)
    }
    return "an order does not end"
  }

  private func stays(
    _ last: OrderMachine.Step, _ machine: inout OrderMachine, _ key: SigningKey
  ) -> String? {
    guard waits <= OrderMachine.longest + OrderMachine.pauseBounds.upperBound else {
      return "an order that waits for \(waits)"
    }
    let others = [
      machine.begin(), machine.keyMade(key), machine.stored(), machine.published(),
      machine.waited(), machine.answered(.success(ACMEAnswer(status: 200, body: []))),
    ]
    return others.allSatisfy { $0 == last } ? nil : "what is over goes on"
  }

  private mutating func judge(_ step: OrderMachine.Step) -> String? {
    switch step {
    case .post(let url, _):
      guard HTTPURL(url)?.isSecure == true else { return "asks at \(url)" }
    case .store(let record):
      guard record.names == Self.names else { return "another order is stored" }
      isStored = true
    case .publish(let values):
      guard isStored, !values.isEmpty else { return "shows something before it is stored" }
    case .wait(let period):
      guard (OrderMachine.pauseFirst...OrderMachine.pauseBounds.upperBound).contains(period) else {
        return "waits for \(period)"
      }
      waits += period
    case .makeKey, .finished, .failed: break
    }
    return nil
  }

  private mutating func answer(
    _ step: OrderMachine.Step, _ machine: inout OrderMachine, _ key: SigningKey
  ) -> OrderMachine.Step {
    if input.isOnce(in: 200) {
      return input.choice([0, 1, 2]) == 0 ? machine.waited() : machine.stored()
    }
    switch step {
    case .post(let url, _):
      let took = Duration.seconds(Int64(input.below(40)))
      return machine.answered(said(at: url), took: took)
    case .makeKey: return machine.keyMade(key)
    case .store: return machine.stored()
    case .publish: return machine.published(took: .seconds(Int64(input.below(120))))
    case .wait: return machine.waited()
    case .finished, .failed: return step
    }
  }

  private mutating func said(at url: String) -> Result<ACMEAnswer, ACMEError> {
    let asked: Duration? = input.isOnce(in: 4) ? .seconds(Int64(input.below(300))) : nil
    if input.isOnce(in: 12) { return .failure(error(asked)) }
    if input.isOnce(in: 100) {
      return .success(ACMEAnswer(status: 200, body: input.raw(input.below(64))))
    }
    let names = input.isOnce(in: 50) ? ["c.test"] : Self.names
    let body: String
    if url.contains("authz") {
      let number = Int(url.suffix(1)) ?? 0
      body = ACMEDocuments.authorization(
        Self.names[number % Self.names.count], number,
        input.choice(["pending", "valid", "valid", "valid", "invalid", "expired"]))
    } else if url.contains("cert") {
      body = input.isOnce(in: 8) ? "" : ACMEDocuments.chain
    } else {
      body = ACMEDocuments.order(
        input.choice(["pending", "ready", "processing", "valid", "ready", "valid", "invalid"]),
        names)
    }
    let location = input.isOnce(in: 50) ? nil : "https://ca.test/order/1"
    return .success(
      ACMEAnswer(status: 200, body: Array(body.utf8), location: location, retryAfter: asked))
  }

  private mutating func error(_ asked: Duration?) -> ACMEError {
    let words = [
      "rateLimited", "badNonce", "malformed", "accountDoesNotExist", "orderNotReady",
      "alreadyReplaced", "serverInternal", "unauthorized", "rejectedIdentifier", "x",
    ]
    let status = input.choice([400, 403, 404, 409, 429, 500, 503])
    switch input.below(4) {
    case 0: return .unreachable("no answer in time")
    case 1: return .status(status, retryAfter: asked)
    case 2: return .malformed("no JSON")
    default:
      return .problem(
        Problem(type: input.choice(words), detail: "no"), status: status, retryAfter: asked)
    }
  }
}
