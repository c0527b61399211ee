internal import CertStore
internal import EventLoop
internal import Glibc
internal import TLS

/// The key and the certificate of this server in its fleet, as `edgeproxy node join` has written
/// them.
struct PeerCredentials: Equatable, Sendable {
  /// The paths of the files, for OpenSSL.
  var identity: ClientIdentity
  /// What others see of it.
  var certificate: NodeCertificate

  /// Below `state`.
  static let directoryName = "peers"
  static let authorityName = "authority.pem"
  static let certificateName = "certificate.pem"
  static let keyName = "key.pem"

  static func directory(state: String) -> String { state + "/" + directoryName }

  /// Reads what is under `state`; `nil` where this server has not joined a fleet.
  ///
  /// Throws what is wrong with a file, with its path.
  static func load(state: String) throws(PeerCredentialsError) -> PeerCredentials? {
    let directory = directory(state: state)
    let path = directory + "/" + certificateName
    let text: [UInt8]
    do throws(SystemError) {
      text = try WholeFile.read(path, bytesMax: NodeCertificate.bytesMax)
    } catch {
      if error.code == ENOENT { return nil }
      throw PeerCredentialsError("'\(path)' cannot be read: \(error)")
    }
    guard let certificate = NodeCertificate(pem: text) else {
      throw PeerCredentialsError("'\(path)' is no usable certificate")
    }
    let identity = ClientIdentity(
      authorityFile: directory + "/" + authorityName, certificateFile: path,
      keyFile: directory + "/" + keyName)
    try check(identity, directory + "/" + keyName)
    return PeerCredentials(identity: identity, certificate: certificate)
  }

  /// Whether OpenSSL takes the files, and nobody else can read the key.
  private static func check(
    _ identity: ClientIdentity, _ key: String
  ) throws(PeerCredentialsError) {
    var facts = stat()
    // SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in
    // the frame that calls.
    if unsafe stat(key, &facts) == 0, facts.st_mode & 0o077 != 0 {
      throw PeerCredentialsError("'\(key)' can be read by others than its owner: chmod 0600")
    }
    do throws(TLSError) {
      _ = try ClientContext(identity, protocols: [])
    } catch {
      throw PeerCredentialsError("\(error)")
    }
  }
}

/// Why a server's credentials are not used.
struct PeerCredentialsError: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// What a worker needs to reach other servers and to be reached by them.
struct Peering: Equatable, Sendable {
  /// `nil` where this server has not joined a fleet: then it neither asks nor answers.
  var credentials: PeerCredentials?
  var directory: PeerDirectory

  static let none = Peering(credentials: nil, directory: .empty)
}
