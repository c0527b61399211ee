internal import DNSCore

/// What the name service has counted: written by its thread alone, read by the control thread at any time.
final class NameServiceCounts: Sendable {
  /// Answers over one carrier, by their code.
  final class Answers: Sendable {
    private let counts = [6 of Count](initializingWith: { span in
      while !span.isFull { span.append(Count()) }
    })

    func add(_ code: DNSAnswerCode) { counts[Self.place(code)].add() }

    func now(_ code: DNSAnswerCode) -> Int { counts[Self.place(code)].now }

    var all: Int { DNSAnswerCode.allCases.reduce(0) { $0 + now($1) } }

    private static func place(_ code: DNSAnswerCode) -> Int {
      switch code {
      case .noError: 0
      case .malformed: 1
      case .noSuchName: 2
      case .notImplemented: 3
      case .refused: 4
      case .badVersion: 5
      }
    }
  }

  /// Answers by what they had in them.
  final class Kinds: Sendable {
    private let counts = [6 of Count](initializingWith: { span in
      while !span.isFull { span.append(Count()) }
    })

    func add(_ kind: ZoneReply.Kind) { counts[Self.place(kind)].add() }

    func now(_ kind: ZoneReply.Kind) -> Int { counts[Self.place(kind)].now }

    private static func place(_ kind: ZoneReply.Kind) -> Int {
      switch kind {
      case .addresses: 0
      case .texts: 1
      case .zone: 2
      case .nothing: 3
      case .truncated: 4
      case .refusal: 5
      }
    }
  }

  let udp = Answers()
  let tcp = Answers()
  let kinds = Kinds()
  /// Messages that nobody may answer: those that are answers themselves, or no messages.
  let ignored = Count()
  /// Answers that only said that TCP has them, because their network asks too often.
  let shortened = Count()
  /// Answers that were not sent at all, for the same reason.
  let dropped = Count()
  /// Answers that the kernel did not take.
  let unsent = Count()
  /// TCP connections: those that are open, and all.
  let connections = Count()
  let accepted = Count()
  /// Connections that were refused because their network had as many as one may have.
  let refused = Count()
  /// Connections that had to make room for others.
  let displaced = Count()
  /// Connections that were ended because their time was over, or for what they sent.
  let cut = Count()

  func answers(over carrier: DNSCarrier) -> Answers { carrier == .udp ? udp : tcp }
}
