internal import Configuration

/// Whether this server can prove to the others of its fleet who it is.
struct JoinCheck {
  let configuration: Configuration
  let named: NamedThings
  let findings: Findings
  /// The service is somebody else, who may well read what this process cannot.
  var isStranger = false

  func run() {
    guard let first = configuration.listen.peers.first else { return }
    let position = named.listeners.first { $0.address == first }?.position ?? .start
    do throws(PeerCredentialsError) {
      guard let found = try PeerCredentials.load(state: configuration.state) else {
        // The server starts without, and opens the port once that was done.
        return findings.warning(
          position, "this server has not joined its fleet yet: 'edgeproxy node join'")
      }
      guard found.certificate.node != configuration.node else { return }
      findings.error(
        position,
        "this server has joined its fleet as '\(found.certificate.node)', and 'node' is"
          + " '\(configuration.node)'")
    } catch {
      if isStranger { return findings.note(position, "\(error)") }
      findings.error(position, "\(error)")
    }
  }
}
