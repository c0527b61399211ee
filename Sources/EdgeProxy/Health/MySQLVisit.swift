internal import HTTPCore

/// A visit to a MySQL server that finds out whether it takes sessions, and leaves as clients do.
///
///     greeting ──▶ our answer ──▶ its verdict ──▶ COM_QUIT
///
/// A server counts visitors that hang up before they have given a name, and after
/// `max_connect_errors` of them locks the whole machine out. A visitor that is denied is not
/// counted. So a name is given, without a password: whether the server knows it does not matter.
///
/// MySQL's "Protocol::Handshake" (MariaDB's and TiDB's is the same): packets begin with their length in
/// three bytes, least first, and a number that counts them.
struct MySQLVisit {
  enum Step: Equatable {
    /// More bytes, please.
    case wait
    case say([UInt8])
    /// It takes sessions; what is left to say is said.
    case welcome([UInt8])
    /// An ERR packet with this code, such as 1040, "Too many connections".
    case refused(code: Int)
    case malformed
  }

  private let user: [UInt8]
  private var hasAnswered = false
  private var rounds = 0

  /// The longest packet that a server says before a session.
  private static let packetBytesMax = 4096
  /// Questions about a password that are answered with none.
  private static let roundsMax = 3
  private static let quit: [UInt8] = [1, 0, 0, 0, 1]
  /// Access denied, in its kinds: the server has done all that a session begins with.
  private static let denials: Set<Int> = [1044, 1045, 1698, 3118, 3955, 4151]

  init(user: String) { self.user = Array(user.utf8) }

  /// Takes the next packet out of what the server has said.
  mutating func take(_ said: inout ByteBuffer) -> Step {
    guard said.count >= 5 else { return .wait }
    let (count, number, kind, code) = Self.read(said.readable)
    guard (1...Self.packetBytesMax).contains(count) else { return .malformed }
    guard said.count >= 4 + count else { return .wait }
    said.consume(4 + count)
    switch kind {
    case 0xFF:
      guard count >= 3 else { return .malformed }
      return hasAnswered && Self.denials.contains(code) ? .welcome([]) : .refused(code: code)
    case 10 where !hasAnswered:
      hasAnswered = true
      return .say(answer)
    case 0 where hasAnswered: return .welcome(Self.quit)
    case 0xFE where hasAnswered, 1 where hasAnswered:
      // It wants a password by another method.
      rounds += 1
      guard rounds <= Self.roundsMax else { return .malformed }
      return .say([0, 0, 0, number &+ 1])
    default: return .malformed
    }
  }

  private static func read(
    _ bytes: borrowing Span<UInt8>
  ) -> (count: Int, number: UInt8, kind: UInt8, code: Int) {
    let code = bytes.count >= 7 ? Int(bytes[5]) | Int(bytes[6]) << 8 : 0
    return (
      Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16, bytes[3], bytes[4], code
    )
  }

  /// HandshakeResponse41 without a password.
  private var answer: [UInt8] {
    // CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH.
    let capabilities: UInt32 = 0x200 | 0x8000 | 0x8_0000
    var body: [UInt8] = []
    for value in [capabilities, 1 << 24] {
      body += [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
    // utf8_general_ci, and 23 bytes for later versions.
    body += [33] + [UInt8](repeating: 0, count: 23)
    body += user + [0, 0] + Array("mysql_native_password".utf8) + [0]
    return [UInt8(body.count), 0, 0, 1] + body
  }
}
