internal import Calendar
internal import ArgumentParser
internal import EventLoop
internal import TLS

/// `edgeproxy cert new-key`: a fresh line for the file of encryption keys.
struct CertNewKeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new-key",
    abstract: "Print a new line for the file that 'etcd.encryption_keys' names; it is a secret.")

  @Argument(help: "What the key is called; default: today's date.")
  var identifier: String?

  func run() throws {
    try CommandBody.run {
      let today = String(UTC.text(WallTime.seconds).prefix(10))
      print(try EncryptionKeys.newLine(id: identifier ?? today))
    }
  }
}
