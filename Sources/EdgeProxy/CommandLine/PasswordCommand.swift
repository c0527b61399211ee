internal import ArgumentParser
internal import Glibc
internal import Passwords

/// `edgeproxy password`: a line for the file that `basic_auth` names.
struct PasswordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "password",
    abstract: "Print a line for the file of 'basic_auth': the user, and a bcrypt hash.",
    discussion: """
      The password is asked for at a terminal, or is the first line of standard input: arguments are
      seen by every user of this machine.
      """)

  @Argument(help: "The name of the user.")
  var user: String

  @Option(
    name: .long,
    help: ArgumentHelp("2 to this power rounds: one more doubles each check.", valueName: "n"))
  var cost = 10

  func validate() throws {
    guard (4...14).contains(cost) else { throw ValidationError("'--cost' is from 4 to 14.") }
    let bytes = Array(user.utf8)
    guard (1...UserTable.userBytesMax).contains(bytes.count), !user.contains(":"),
      bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }), !user.hasPrefix("#")
    else { throw ValidationError("The name of a user has no ':' and does not begin with '#'.") }
  }

  func run() throws {
    try CommandBody.run {
      let password = try read()
      var memory = HashingMemory()
      guard let hash = memory.makeHash(of: password, cost: cost) else { throw Trouble.noHash }
      print("\(user):\(String(decoding: hash, as: UTF8.self))")
    }
  }

  private enum Trouble: Error, CustomStringConvertible {
    case empty, different, tooLong, noHash, noText

    var description: String {
      switch self {
      case .empty: "no password was given"
      case .different: "the two passwords are not the same"
      case .tooLong: "the password is longer than 72 bytes, and bcrypt reads no more of it"
      case .noText: "the password has a control character in it"
      case .noHash: "libcrypt makes no bcrypt hash on this machine"
      }
    }
  }

  /// bcrypt leaves the rest unread.
  private static let bytesMax = 72

  private func read() throws -> [UInt8] {
    let password: String
    if isatty(STDIN_FILENO) == 1 {
      password = ask("Password: ")
      guard ask("Again: ") == password else { throw Trouble.different }
    } else {
      password = readLine() ?? ""
    }
    let bytes = Array(password.utf8)
    guard !bytes.isEmpty else { throw Trouble.empty }
    guard bytes.count <= Self.bytesMax else { throw Trouble.tooLong }
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { throw Trouble.noText }
    return bytes
  }

  /// Asks at the terminal, which does not show what is typed.
  private func ask(_ question: String) -> String {
    var shown = termios()
    // SAFETY: the kernel fills and reads values of this frame within each call.
    let isKnown = unsafe tcgetattr(STDIN_FILENO, &shown) == 0
    var hidden = shown
    hidden.c_lflag &= ~tcflag_t(ECHO)
    if isKnown { _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) }
    // Whoever types at the question types unseen.
    StandardError.write(question)
    let line = readLine() ?? ""
    if isKnown { _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown) }
    StandardError.write("\n")
    return line
  }
}
