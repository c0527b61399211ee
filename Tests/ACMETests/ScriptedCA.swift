import EventLoop
import TLS
import TestSupport
import Wire

@testable import ACME

/// A CA on loopback, over HTTP without TLS: it checks each signed request as RFC 8555 §6 says, and
/// the test says how it differs from a good one.
final class ScriptedCA: EventSource {
  struct Answer {
    var status = 200
    var fields: [String] = []
    var body = "{}"

    static func problem(_ type: String, _ status: Int = 400, _ fields: String...) -> Answer {
      Answer(status: status, fields: fields, body: ACMEDocuments.problem(type))
    }
  }

  struct Member {
    let key: SigningKey
    var contact: [String]
  }

  let origin: String
  /// The keys that clients of this CA may have.
  var keys: [SigningKey]
  var members: [String: Member] = [:]
  /// The secret of the external account that each new account needs.
  var external: ExternalAccount?
  /// Whether the next good nonce is refused all the same.
  var refusesNonce: () -> Bool = { false }
  /// Answers before the CA itself does, by method and path.
  var special: [String: Answer] = [:]
  /// Accounts say what contact they have.
  var tellsContact = true
  var hasRenewalInfo = true
  var givesNonces = true
  /// Fields of each answer, such as Date.
  var fields: [String] = []

  /// Methods and paths, in order.
  private(set) var asked: [String] = []
  private(set) var payloads: [String: [UInt8]] = [:]
  /// What a client did that the RFC does not allow.
  private(set) var complaints: [String] = []
  private var nonces: Set<String> = []
  private var noncesMade = 0

  private let loop: EventLoop
  private let listener: FileDescriptor
  private var token = SourceToken.none
  private var lines: [Line] = []

  init(on loop: EventLoop, _ keys: [SigningKey]) throws {
    self.loop = loop
    self.keys = keys
    guard let any = SocketAddress(ip: "127.0.0.1", port: 0) else { throw SystemError("socket") }
    listener = try Socket.listen(any, reusePort: false)
    guard let port = Socket.localAddress(listener.raw)?.port else {
      throw SystemError("getsockname")
    }
    origin = "http://127.0.0.1:\(port)"
    token = try loop.register(listener.raw, self, [.readable])
  }

  func end() {
    loop.forget(token)
    for line in lines { loop.forget(line.token) }
  }

  func ready(_ events: Readiness) {
    guard let accepted = try? Socket.accept(listener.raw) else { return }
    let raw = accepted.raw
    let line = Line(accepted, of: self, on: loop)
    lines.append(line)
    guard let token = try? loop.register(raw, line, [.readable]) else { return }
    line.token = token
  }

  /// Forgets all nonces, as a CA that was started anew.
  func forgetNonces() { nonces = [] }

  // MARK: Answers

  fileprivate func answer(_ method: String, _ path: String, _ body: [UInt8]) -> [UInt8] {
    asked.append("\(method) \(path)")
    var answer = special["\(method) \(path)"] ?? own(method, path, body)
    if method != "GET", givesNonces {
      noncesMade += 1
      nonces.insert("nonce-\(noncesMade)")
      answer.fields.append("Replay-Nonce: nonce-\(noncesMade)")
    }
    answer.fields += fields
    let bytes = Array(answer.body.utf8)
    let head = ["HTTP/1.1 \(answer.status) x", "Content-Length: \(bytes.count)"] + answer.fields
    return Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8)
      + (method == "HEAD" ? [] : bytes)
  }

  private func own(_ method: String, _ path: String, _ body: [UInt8]) -> Answer {
    switch (method, path) {
    case ("GET", "/directory"): return directory
    case ("HEAD", "/nonce"): return Answer(body: "")
    case ("GET", _) where path.hasPrefix("/renewal/"):
      return Answer(
        fields: ["Retry-After: 21600"],
        body: #"""
          {"suggestedWindow":
          {"start": "2027-01-02T04:00:00Z", "end": "2027-01-03T04:00:00Z"}}
          """#)
    case ("POST", _): return posted(path, body)
    default: return Answer(status: 404)
    }
  }

  private var directory: Answer {
    let renewal = hasRenewalInfo ? #","renewalInfo": "\#(origin)/renewal""# : ""
    return Answer(
      body: #"""
        {"newNonce": "\#(origin)/nonce", "newAccount": "\#(origin)/account",
        "newOrder": "\#(origin)/order", "revokeCert": "\#(origin)/revoke",
        "keyChange": "\#(origin)/key"\#(renewal)}
        """#)
  }

  private func posted(_ path: String, _ body: [UInt8]) -> Answer {
    guard let request = SignedRequest(body) else {
      complaints.append("\(path): no signed request")
      return .problem("malformed")
    }
    if request.head.url != origin + path { complaints.append("\(path): \(request.head.url)") }
    guard nonces.remove(request.head.nonce ?? "") != nil, !refusesNonce() else {
      return .problem("badNonce")
    }
    payloads[path] = request.payload
    if path == "/account" { return newAccount(request) }
    guard let account = request.head.kid, request.head.jwk == nil else {
      complaints.append("\(path): no account")
      return .problem("malformed")
    }
    guard let member = members[account] else { return .problem("accountDoesNotExist") }
    guard request.isSigned(by: member.key) else {
      complaints.append("\(path): signed by another key")
      return .problem("unauthorized", 401)
    }
    if path == "/key" { return keyChange(request, account, member) }
    guard account == origin + path else { return Answer(body: #"{"posted": "\#(path)"}"#) }
    if let contact = SignedRequest.members(request.payload)["contact"] {
      members[account]?.contact = contact
    }
    return told(account)
  }

  private func newAccount(_ request: SignedRequest) -> Answer {
    guard let key = keys.first(where: { $0.jwk == request.head.jwk }), request.isSigned(by: key)
    else {
      complaints.append("a new account is not signed by its key")
      return .problem("malformed")
    }
    if let known = members.first(where: { $0.value.key.jwk == key.jwk }) {
      return told(known.key)
    }
    if let external {
      guard let binding = SignedRequest.binding(in: request.payload) else {
        return .problem("externalAccountRequired", 403)
      }
      guard binding.head.kid == external.id, binding.head.url == request.head.url,
        binding.signature == Hash.hmacSHA256(key: external.key, binding.input),
        SignedRequest.members(binding.payload) == key.jwk.mapValues({ [$0] })
      else { return .problem("unauthorized", 403) }
    }
    if !request.text.contains(#""termsOfServiceAgreed":true"#) {
      complaints.append("the terms are not agreed to")
    }
    let account = "\(origin)/account/\(asked.count)"
    let contact = SignedRequest.members(request.payload)["contact"] ?? []
    members[account] = Member(key: key, contact: contact)
    var answer = told(account)
    answer.status = 201
    return answer
  }

  private func told(_ account: String) -> Answer {
    let contact = (members[account]?.contact ?? []).map { "\"\($0)\"" }.joined(separator: ",")
    let said = tellsContact ? #", "contact": [\#(contact)]"# : ""
    return Answer(fields: ["Location: \(account)"], body: #"{"status": "valid"\#(said)}"#)
  }

  private func keyChange(
    _ request: SignedRequest, _ account: String, _ member: Member
  ) -> Answer {
    guard let inner = SignedRequest(request.payload),
      let key = keys.first(where: { $0.jwk == inner.head.jwk }), inner.isSigned(by: key),
      inner.head.url == request.head.url, inner.head.nonce == nil,
      let old = try? Document.write(member.key.jwk),
      inner.text == #"{"account":"\#(account)","oldKey":\#(String(decoding: old, as: UTF8.self))}"#
    else {
      complaints.append("the new key does not ask for its place")
      return .problem("malformed")
    }
    members[account] = Member(key: key, contact: member.contact)
    return Answer()
  }
}

/// One connection to it.
fileprivate final class Line: EventSource {
  var token = SourceToken.none
  private var descriptor: FileDescriptor?
  private unowned let ca: ScriptedCA
  private let loop: EventLoop
  private var input: [UInt8] = []

  init(_ descriptor: consuming FileDescriptor, of ca: ScriptedCA, on loop: EventLoop) {
    self.descriptor = consume descriptor
    self.ca = ca
    self.loop = loop
  }

  func ready(_ events: Readiness) {
    guard let raw = descriptor?.raw else { return }
    var block = [UInt8](repeating: 0, count: 65_536)
    var space = block.mutableSpan
    guard case .bytes(let count) = Descriptor.read(raw, into: &space) else { return end() }
    input += block[..<count]
    guard let end = input.firstRange(of: octets("\r\n\r\n")) else { return }
    let lines = text(input.span).split(separator: "\r\n").map(String.init)
    let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst(15).trimmed) }
    let body = Array(input[end.upperBound...])
    guard body.count >= length ?? 0 else { return }
    let words = lines[0].split(separator: " ").map(String.init)
    let answer = ca.answer(words[0], words[1], body)
    _ = Descriptor.send(raw, answer.span)
    self.end()
  }

  private func end() {
    loop.forget(token)
    descriptor = nil
  }
}

extension Substring {
  fileprivate var trimmed: Substring { drop { $0 == " " } }
}
