internal import Calendar
internal import ArgumentParser

/// `edgeproxy node list`: the servers of the fleet.
struct NodeListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the servers of the fleet.")

  @OptionGroup var file: ConfigurationFile

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let (entries, unreadable) = try session.nodes()
      for entry in entries {
        let days = CertificateLine.days(entry.certificate.notAfter - session.now)
        print(
          "\(entry.node)  \(entry.address)  until \(UTC.text(entry.certificate.notAfter)) (\(days))"
            + "  sha256 \(Self.hexadecimal(entry.certificate.fingerprint))")
      }
      for node in unreadable { print("\(node)  refused: its entry cannot be read") }
    }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
