import DNSCore
import HTTPCore
import TestSupport

@testable import EdgeProxy

extension ServerProperties {
  /// Any message gets an answer that holds its question, is as short as the client needs it, and says no
  /// more than the zone has; an answer gets none.
  ///
  /// The answer to a well-formed question is what a list of records has.
  package static func zone(_ bytes: [UInt8]) -> String? {
    for carrier in [DNSCarrier.udp, .tcp] {
      var trial = ZoneTrial(ZoneContent.example)
      if let complaint = trial.problem(bytes, over: carrier) { return complaint }
    }
    var input = FuzzInput(bytes)
    let content = ZoneContent(&input)
    var trial = ZoneTrial(content)
    for _ in 0..<8 where !input.isEmpty {
      let query = ZoneQuery(&input, content.zone)
      let carrier = input.flag() ? DNSCarrier.udp : .tcp
      trial.turn = input.number(Int.self)
      guard let message = query.bytes else { continue }
      if let complaint = trial.problem(message, over: carrier) ?? trial.difference(query, carrier) {
        return "\(query): \(complaint)"
      }
      let changed = query.changed(&input)
      if let complaint = trial.problem(changed, over: carrier) { return "\(changed): \(complaint)" }
    }
    return nil
  }
}

/// The answers of one content, and the list of records that they are compared with.
private struct ZoneTrial {
  private let answers: ZoneAnswers
  private let model: ZoneModel
  var turn = 0
  /// What the one before it left there is no part of an answer.
  private var out: [UInt8] = [0xff, 0xff]

  init(_ content: ZoneContent) {
    answers = ZoneAnswers(content)
    model = ZoneModel(content)
  }

  // MARK: Whatever the message is

  mutating func problem(_ query: [UInt8], over carrier: DNSCarrier) -> String? {
    if let complaint = leadProblem(query) { return complaint }
    let reply = answers.answer(query.span, over: carrier, turn: turn, into: &out)
    guard case .sent(let code, let kind) = reply else {
      guard out.isEmpty else { return "bytes where nothing is sent" }
      return query.count < 12 || query[2] & 0x80 != 0 ? nil : "a query without an answer"
    }
    guard query.count >= 12, query[2] & 0x80 == 0 else { return "an answer to an answer" }
    guard let answer = try? DNSMessage(decoding: out) else { return "it cannot be read: \(out)" }
    guard Array(out[..<2]) == Array(query[..<2]), out[2] & 0xf9 == query[2] & 0x79 | 0x80,
      out[3] & 0xf0 == 0
    else { return "the flags \(out[..<4]) for \(query[..<4])" }
    guard answer.code.rawValue == code.rawValue & 0xf else { return "another code than \(code)" }
    if !answer.questions.isEmpty, !Self.isEcho(out, query) { return "another question" }
    if code == .noError || code == .noSuchName, answer.questions.count != 1 {
      return "an answer without its question"
    }
    guard answer.isTruncated == (kind == .truncated), !answer.isTruncated || answer.answers.isEmpty
    else { return "records of a part" }
    return sizeProblem(query, carrier) ?? sectionProblem(answer)
  }

  private static func isEcho(_ answer: [UInt8], _ query: [UInt8]) -> Bool {
    guard let end = answer[12...].firstIndex(of: 0), end + 4 < query.count else { return false }
    // A 0 may also be within a label, so this is a part of the question at least.
    return answer[12...(end + 4)] == query[12...(end + 4)]
  }

  private func sizeProblem(_ query: [UInt8], _ carrier: DNSCarrier) -> String? {
    var most = DNSMessage.bytesMax
    if carrier == .udp {
      let said = DNSRequest(query.span)?.options?.answerBytesMax ?? 0
      most = min(1232, max(512, said))
    }
    return out.count <= most ? nil : "\(out.count) bytes where \(most) are taken"
  }

  private func sectionProblem(_ answer: DNSMessage) -> String? {
    let name = answer.questions.first?.name
    guard answer.answers.allSatisfy({ $0.name == name && $0.domain == .internet }) else {
      return "records of another name"
    }
    guard answer.authorities.isEmpty || Set(answer.authorities) == model.authority,
      answer.authorities.isEmpty || answer.answers.isEmpty
    else { return "authorities \(answer.authorities)" }
    guard answer.additionals.count <= 1,
      answer.additionals.allSatisfy({ $0.type == .options && $0.name == .root })
    else { return "additional records \(answer.additionals)" }
    return nil
  }

  /// An answer that leads to TCP is no larger than what was asked, and has no records.
  private mutating func leadProblem(_ query: [UInt8]) -> String? {
    let reply = answers.lead(query.span, into: &out)
    guard case .sent(let code, _) = reply else {
      return out.isEmpty ? nil : "bytes where nothing is sent"
    }
    guard out.count <= query.count else { return "\(out.count) bytes for \(query.count)" }
    guard let answer = try? DNSMessage(decoding: out), answer.isAnswer else { return "no answer" }
    guard answer.answers.isEmpty, answer.authorities.isEmpty else { return "records" }
    return answer.isTruncated || code != .noError ? nil : "nothing that leads to TCP"
  }

  // MARK: Well-formed questions

  /// Compares the last answer with what the list of records has.
  func difference(_ query: ZoneQuery, _ carrier: DNSCarrier) -> String? {
    guard let answer = try? DNSMessage(decoding: out) else { return "no answer" }
    var expected = DNSMessage(id: query.id)
    expected.isAnswer = true
    expected.wantsRecursion = query.wantsRecursion
    expected.questions = [query.question]
    var found = model.found(query.question)
    if let options = query.options {
      if options.version > 0 { found = (.badVersion, false, []) }
      let seconds = UInt32(found.code.rawValue >> 4) << 24 | (options.wantsSignatures ? 0x8000 : 0)
      expected.additionals = [
        DNSRecord(
          name: .root, domain: DNSClass(rawValue: 1232), seconds: seconds,
          data: .other(.options, []))
      ]
    }
    expected.code = DNSCode(rawValue: found.code.rawValue & 0xf)
    expected.isAuthoritative = found.isAuthoritative
    if found.isAuthoritative, found.records.isEmpty {
      expected.authorities = Array(model.authority)
    }
    expected.isTruncated = isTooLarge(expected, query, found.records, carrier)
    guard expected.isTruncated == answer.isTruncated else { return "cut or not: \(answer)" }
    let count = query.isOfAddresses ? min(found.records.count, 16) : found.records.count
    // They are in an order of their own, and of many addresses others each time.
    guard answer.answers.count == (answer.isTruncated ? 0 : count),
      found.records.isSuperset(of: answer.answers),
      Set(answer.answers).count == answer.answers.count
    else { return "\(answer.answers) of \(found.records)" }
    expected.answers = answer.answers
    return answer == expected ? nil : "\(answer) instead of \(expected)"
  }

  /// Whether the client would not take an answer with all records.
  private func isTooLarge(
    _ answer: DNSMessage, _ query: ZoneQuery, _ records: Set<DNSRecord>, _ carrier: DNSCarrier
  ) -> Bool {
    var whole = answer
    // Records have small letters here, and only equal letters make an answer shorter.
    whole.questions[0].name = query.question.name.lowercased
    whole.answers = Array(records)
    if query.isOfAddresses { whole.answers = Array(whole.answers.prefix(16)) }
    guard let bytes = try? whole.encoded() else { return true }
    return bytes.count > query.bytesMax(carrier)
  }
}
