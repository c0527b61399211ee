import DNS
import DNSCore

extension ParserProperties {
  /// Any bytes are read as a message, a key file and a list of resolvers without harm; a message that was
  /// read is the same when it is written and read again, and no shorter one is a message.
  package static func dns(_ input: [UInt8]) -> String? {
    _ = ResolverFile.servers(input)
    _ = try? TSIGKey(name: key.name, algorithm: .sha256, file: input)
    _ = try? TSIG.verify(input, key, request: input, at: 0)
    if let complaint = nameProblem(text(input.span)) ?? requestProblem(input) { return complaint }
    guard let message = try? DNSMessage(decoding: input) else { return nil }
    if (try? DNSMessage(decoding: input.dropLast())) != nil { return "a shorter one is a message" }
    let names = (message.answers + message.authorities + message.additionals).map(\.name)
    for name in names + message.questions.map(\.name) where DNSName("\(name)") != name {
      return "the name '\(name)' does not read back"
    }
    // Where names are written in full that were not, there may be more bytes than a message has.
    guard let written = try? message.encoded() else { return nil }
    guard (try? DNSMessage(decoding: written)) == message else { return "it does not read back" }
    return signatureProblem(message)
  }

  /// What a server reads where the bytes lie is what the message says.
  private static func requestProblem(_ input: [UInt8]) -> String? {
    let message = try? DNSMessage(decoding: input)
    guard let request = DNSRequest(input.span) else {
      return input.count < 12 || input[2] & 0x80 != 0 ? nil : "a query that is not read"
    }
    guard request.code == .noError || request.code == .badVersion else {
      guard request.nameBytes == 0, request.options == nil else { return "a part of a query" }
      guard let message, message.operation == .query, message.questions.count == 1 else {
        return nil
      }
      let isAlone = (message.answers + message.authorities + message.additionals).isEmpty
      return isAlone && (try? message.encoded()) == input ? "a plain question is refused" : nil
    }
    // The question alone, as a message of its own.
    var alone = Array(input.prefix(DNSRequest.nameStart + request.nameBytes + 4))
    alone.replaceSubrange(6..<12, with: [0, 0, 0, 0, 0, 0])
    guard let question = try? DNSMessage(decoding: alone).questions else { return "no question" }
    guard question.map(\.name.wire.count) == [request.nameBytes],
      question.map(\.type) == [request.type], question.map(\.domain) == [request.domain]
    else { return "another question than \(question)" }
    guard let message else { return nil }
    let options = message.additionals.filter { $0.type == .options }
    guard options.count == (request.options == nil ? 0 : 1), message.answers.isEmpty else {
      return "other records than \(message)"
    }
    guard let option = options.first, let read = request.options else { return nil }
    return option.name == .root && Int(option.domain.rawValue) == read.answerBytesMax
      && UInt8(truncatingIfNeeded: option.seconds >> 16) == read.version
      && (option.seconds & 0x8000 != 0) == read.wantsSignatures
      ? nil : "other options than \(option)"
  }

  private static func nameProblem(_ text: String) -> String? {
    guard let name = DNSName(text) else { return nil }
    guard name.wire.count <= DNSName.bytesMax else { return "a name of \(name.wire.count) bytes" }
    guard DNSName(name.absolute) == name else { return "the name '\(name)' does not read back" }
    return DNSName(labels: name.labels) == name ? nil : "other labels than '\(name)'"
  }

  private static func signatureProblem(_ message: DNSMessage) -> String? {
    let all = message.answers + message.authorities + message.additionals
    guard !all.contains(where: { $0.type == .signature }), message.additionals.count < 65_535,
      let signed = try? TSIG.sign(message, key, at: 1_700_000_000)
    else { return nil }
    guard signed.bytes.count <= DNSMessage.bytesMax else { return nil }
    let verified = try? TSIG.verify(signed.bytes, key, request: nil, at: 1_700_000_300)
    guard verified == message else { return "its own signature is not right" }
    var changed = signed.bytes
    // Behind the number, which a server on the way may change.
    changed[2 + digest(changed) % (changed.count - 2)] ^= 0x10
    let refused = try? TSIG.verify(changed, key, request: nil, at: 1_700_000_000)
    return refused == nil || refused == message ? nil : "another message has the same signature"
  }

  private static let key: TSIGKey = {
    let secret = [UInt8](repeating: 7, count: 32)
    guard let name = DNSName("edge"),
      let key = try? TSIGKey(name: name, algorithm: .sha256, secret: secret)
    else { preconditionFailure("32 bytes are a secret") }
    return key
  }()
}
