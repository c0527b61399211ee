/// What the node of a TCP session must say before it counts as connected.
///
/// A kernel accepts connections for a process that is frozen; where the server speaks first, its
/// first words show that it lives.
package enum Greeting: String, Sendable, CaseIterable {
  /// Nothing: a connection is enough.
  case none
  /// Any byte.
  case any
  /// The initial handshake packet of MySQL's protocol, version 10.
  case mysql

  package enum Verdict: Equatable, Sendable {
    /// More bytes, please.
    case incomplete
    case good
    /// The server is there and takes nobody: an ERR packet, such as "Too many connections".
    case refusal
    case malformed
  }

  /// A packet's header and the first byte of what is in it.
  private static let mysqlBytes = 5
  private static let mysqlVersion: UInt8 = 10
  private static let mysqlError: UInt8 = 0xFF

  /// Judges what the server has said so far.
  ///
  /// A MySQL packet begins with its length in three bytes, least first, and its number, here 0.
  package func judge(_ said: borrowing Span<UInt8>) -> Verdict {
    switch self {
    case .none: return .good
    case .any: return said.isEmpty ? .incomplete : .good
    case .mysql:
      guard said.count >= Self.mysqlBytes else { return .incomplete }
      let isEmpty = said[0] == 0 && said[1] == 0 && said[2] == 0
      guard !isEmpty, said[3] == 0 else { return .malformed }
      switch said[4] {
      case Self.mysqlVersion: return .good
      case Self.mysqlError: return .refusal
      default: return .malformed
      }
    }
  }
}
