import TLS
import TestSupport
import Testing
import Wire

@testable import ACME

/// Drives an order with a CA whose answers are a table, and notes each step in a word or two.
struct Life {
  typealias Answer = Result<ACMEAnswer, ACMEError>

  /// The answers at each address, such as `order/1`; the last of them is given for ever.
  var answers: [String: [Answer]]
  let names: [String]
  let challenge: ChallengeType
  /// The key of whatever is resumed or made.
  let key: SigningKey
  var resuming: OrderRecord?
  var profile: String?
  var replaces: String?
  var took = Duration.zero

  private(set) var trace: [String] = []
  private(set) var payloads: [String: String] = [:]
  private(set) var published: [ChallengeValue] = []
  private(set) var stored: OrderRecord?
  private(set) var waited = Duration.zero

  /// A CA that does all that it should.
  init(_ names: [String] = ["a.test"], _ challenge: ChallengeType = .http) throws {
    self.names = names
    self.challenge = challenge
    key = try SigningKey(making: .ecdsa)
    answers = [
      "order": [Self.made(ACMEDocuments.order("pending", names))],
      "order/1": ["ready", "valid"].map { Self.said(ACMEDocuments.order($0, names)) },
      "finalize/1": [Self.said(ACMEDocuments.order("processing", names))],
      "cert/1": [Self.said(ACMEDocuments.chain)],
    ]
    for (number, name) in names.enumerated() {
      answers["authz/\(number)"] = ["pending", "valid"].map {
        Self.said(ACMEDocuments.authorization(name, number, $0))
      }
      answers["challenge/\(number)"] = [Self.said("{}")]
    }
  }

  static func said(_ body: String, retryAfter: Duration? = nil) -> Answer {
    .success(ACMEAnswer(status: 200, body: Array(body.utf8), retryAfter: retryAfter))
  }

  static func made(_ body: String, at place: String? = "order/1") -> Answer {
    let location = place.map { "\(ACMEDocuments.home)/\($0)" }
    return .success(ACMEAnswer(status: 201, body: Array(body.utf8), location: location))
  }

  static func refused(
    _ type: String, _ status: Int = 403, retryAfter: Duration? = nil
  ) -> Answer {
    .failure(
      .problem(Problem(type: type, detail: "no"), status: status, retryAfter: retryAfter))
  }

  /// What an issuer before this one left.
  mutating func resume(
    issuer: String = "https://ca.test/directory", order: String = "https://ca.test/order/1",
    names: [String]? = nil, key: [UInt8]? = nil
  ) throws {
    resuming = OrderRecord(
      issuer: issuer, order: order, key: try key ?? self.key.pem(), names: names ?? self.names)
  }

  /// From the beginning to the end.
  mutating func live(
    _ kind: SigningKey.Kind = .ecdsa, _ location: SourceLocation = #_sourceLocation
  ) throws -> OrderMachine.Step {
    let home = try #require(HTTPURL("https://ca.test/directory"))
    var machine = OrderMachine(
      names: names, challenge: challenge, kind: kind, profile: profile, replaces: replaces,
      directory: try Directory(Array(ACMEDocuments.directory.utf8), from: home),
      accountThumbprint: "thumb", resuming: resuming)
    var step = machine.begin()
    for _ in 0..<5000 {
      switch step {
      case .post(let url, let payload): step = post(url, payload, &machine)
      case .makeKey:
        trace.append("key")
        step = machine.keyMade(key)
      case .store(let record):
        trace.append("store")
        stored = record
        step = machine.stored()
      case .publish(let values):
        trace.append("publish \(values.count)")
        published = values
        step = machine.published(took: took)
      case .wait(let period):
        trace.append("wait")
        waited += period
        step = machine.waited()
      case .finished, .failed: return step
      }
    }
    Issue.record("the order does not end", sourceLocation: location)
    return step
  }

  private mutating func post(
    _ url: String, _ payload: [UInt8]?, _ machine: inout OrderMachine
  ) -> OrderMachine.Step {
    let place = String(url.dropFirst(ACMEDocuments.home.count + 1))
    trace.append((payload == nil ? "read " : "post ") + place)
    if let payload { payloads[place] = String(decoding: payload, as: UTF8.self) }
    guard let answer = answers[place]?.first else {
      return machine.answered(.failure(.status(404, retryAfter: nil)), took: took)
    }
    if let count = answers[place]?.count, count > 1 { answers[place]?.removeFirst() }
    return machine.answered(answer, took: took)
  }
}

extension OrderMachine.Step {
  var failure: OrderFailure? { if case .failed(let failure) = self { failure } else { nil } }

  var chain: [UInt8]? { if case .finished(let chain, _) = self { chain } else { nil } }
}
