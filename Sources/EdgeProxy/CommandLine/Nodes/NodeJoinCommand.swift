internal import Calendar
internal import ArgumentParser
internal import CertStore
internal import Configuration
internal import EventLoop
internal import Glibc
internal import TLS

/// `edgeproxy node join`: a certificate for this server, told to the others.
struct NodeJoinCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "join", abstract: "Make this server one of the fleet, or renew its certificate.",
    discussion: """
      Run on each server, as root or as the user that edgeproxy runs as. The private key is made here \
      and never leaves this server. A running server takes the certificate up within a second.
      """)

  @OptionGroup var file: ConfigurationFile

  @Option(
    help: ArgumentHelp(
      "Where the others reach this server; default: 'listen.peers', where that is an address.",
      valueName: "ip:port"))
  var address: String?

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let configuration = session.configuration
      let node = configuration.node
      guard node.utf8.count <= NodeAuthority.nameBytesMax else {
        throw CommandFailure("'node' is too long: \(NodeAuthority.nameBytesMax) bytes at most")
      }
      let address = try reached(configuration)
      let issued = try session.authority().issue(node: node, now: session.now)
      guard let entry = PeerEntry(node: node, address: address, pem: issued.certificate) else {
        throw CommandFailure("a certificate for '\(node)' cannot be made")
      }
      let authority = try session.authority().certificate
      let key = PeerEntry.key(prefix: session.settings.prefix, node: node)
      // The others know it first: what is shown to them is never a stranger's.
      try session.replace(key, try session.stored(key), by: entry.value)
      try JoinedFiles(state: configuration.state).write(authority: authority, issued)
      print("\(node)  \(address)  until \(UTC.text(entry.certificate.notAfter))")
    }
  }

  private func reached(_ configuration: Configuration) throws -> SocketAddress {
    if let address {
      guard let found = SocketAddress(address), found.family != .unix, found.port != 0 else {
        throw CommandFailure("'--address' must be an IP address and a port such as 10.0.0.2:7443")
      }
      return found
    }
    guard let listen = configuration.listen.peers.first else {
      throw CommandFailure("'\(file.config)' has no 'listen.peers'")
    }
    guard !["0.0.0.0", "::"].contains(listen.host), listen.port != 0 else {
      throw CommandFailure(
        "'listen.peers' is \(listen), which others cannot use; say where they reach this server:"
          + " '--address'")
    }
    return listen
  }
}

/// What `node join` leaves under `state`.
private struct JoinedFiles {
  let state: String

  /// The key is replaced last but one and the certificate last: in between they do not fit, and a
  /// running server goes on with what it has.
  func write(authority: [UInt8], _ issued: NodeAuthority.Issued) throws {
    let path = PeerCredentials.directory(state: state)
    let directory = PrivateDirectory(path: path)
    try directory.prepare()
    try directory.write(PeerCredentials.authorityName, authority)
    try directory.write(PeerCredentials.keyName, issued.key)
    try directory.write(PeerCredentials.certificateName, issued.certificate)
    try directory.sync()
    try giveToOwner(of: state, [path] + names.map { path + "/" + $0 })
  }

  private var names: [String] {
    [PeerCredentials.authorityName, PeerCredentials.keyName, PeerCredentials.certificateName]
  }

  /// The command may run as root, and the server as the owner of `state`.
  private func giveToOwner(of state: String, _ paths: [String]) throws {
    var facts = stat()
    // SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in
    // the frame that calls.
    guard unsafe stat(state, &facts) == 0, facts.st_uid != geteuid() else { return }
    for path in paths {
      guard unsafe lchown(path, facts.st_uid, facts.st_gid) == 0 else {
        throw CommandFailure("'\(path)' cannot be given to the owner of '\(state)'")
      }
    }
  }
}
