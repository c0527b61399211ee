internal import DNSCore

/// What became of one message to the name service.
enum ZoneReply: Sendable, Equatable {
  /// Nothing is sent: the message is an answer itself, or too short for one.
  case none
  case sent(DNSAnswerCode, Kind)

  /// What an answer has in it.
  enum Kind: Sendable, CaseIterable {
    case addresses
    /// What a CA is to see.
    case texts
    /// What the zone says of itself, and what stands for ANY.
    case zone
    /// There is no such name, or it has no such records.
    case nothing
    /// The client shall ask over TCP.
    case truncated
    /// The question is refused, or could not be read.
    case refusal
  }
}
