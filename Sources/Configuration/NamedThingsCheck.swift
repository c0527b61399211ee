internal import CertStore
internal import EventLoop
internal import Glibc
internal import TLS

/// Looks at what the file names.
///
/// What somebody has to put right is an error, and what comes right by itself, such as a node that
/// is not there yet, a warning. The server starts in either case.
struct NamedThingsCheck {
  let findings: Findings
  /// Seconds since 1970.
  let now: Int64

  func check(_ named: NamedThings) {
    for (path, position) in named.challenges {
      if let reason = mistake(ofDirectory: path) { findings.error(position, reason) }
    }
    // The server, its service manager or a deployment makes these.
    let coming = named.states + named.directories + named.logs.compactMap(Self.directory(of:))
    for (path, position) in coming {
      if let reason = mistake(ofDirectory: path) { findings.warning(position, reason) }
    }
    if let (path, position) = named.signingKeys { checkSigningKeys(path, position) }
    for (address, position) in named.sockets { check(address, position) }
    for (path, position) in named.authorities { checkAuthorities(path, position) }
    for (path, position) in named.certificates { checkCertificates(path, position, named) }
    if let (settings, position) = named.etcd { checkShared(settings, position, named) }
  }

  /// The files that etcd is reached and its secrets are opened with.
  private func checkShared(
    _ settings: SharedSettings, _ position: Position, _ named: NamedThings
  ) {
    do throws(TLSError) {
      if settings.etcd.endpoints.contains(where: \.isSecure) {
        _ = try ClientContext(settings.etcd.identity, protocols: ["h2"])
        if let key = settings.etcd.identity.keyFile { warnOfExposure(key, position) }
      }
    } catch {
      findings.error(position, "\(error)")
    }
    do {
      let keys = try settings.readEncryptionKeys()
      if keys == nil, named.certificatesInEtcd != nil {
        findings.warning(
          position, "private keys lie in etcd as they are; see 'encryption_keys'")
      }
    } catch {
      findings.error(position, "\(error)")
    }
  }

  /// The directory that a log is in.
  private static func directory(of log: NamedThings.Path) -> NamedThings.Path? {
    guard let slash = log.path.lastIndex(of: "/") else { return nil }
    return (String(log.path[...slash]), log.position)
  }

  private func check(_ socket: SocketAddress, _ position: Position) {
    // Abstract names are in no directory.
    guard !socket.host.hasPrefix("@") else { return }
    switch Kind.of(socket.host) {
    case .socket: break
    case .failure(let error):
      findings.warning(position, "no socket at '\(socket.host)' yet: \(error.reason)")
    default: findings.warning(position, "'\(socket.host)' is not a socket")
    }
  }

  private func checkAuthorities(_ path: String, _ position: Position) {
    do throws(TLSError) {
      _ = try ClientContext(ClientIdentity(authorityFile: path), protocols: [])
    } catch {
      findings.error(position, "'\(Found.shortened(path))' has no usable certificate")
    }
  }

  private func checkSigningKeys(_ path: String, _ position: Position) {
    if let reason = mistake(ofDirectory: path) { return findings.error(position, reason) }
    let keys = SigningKeys(path)
    keys.load(always: true)
    for mistake in keys.mistakes { findings.error(position, mistake) }
  }

  private func warnOfExposure(_ path: String, _ position: Position) {
    if let exposure = SecretFile.exposure(of: path) { findings.warning(position, exposure) }
  }

  private func mistake(ofDirectory path: String) -> String? {
    switch Kind.of(path) {
    case .directory: nil
    case .failure(let error):
      "directory '\(Found.shortened(path))' cannot be used: \(error.reason)"
    default: "'\(Found.shortened(path))' is not a directory"
    }
  }

  private func checkCertificates(_ directory: String, _ position: Position, _ named: NamedThings) {
    if let reason = mistake(ofDirectory: directory) {
      findings.error(position, reason)
      return
    }
    let store = CertStore(
      directory: CertificateDirectory(directory), defaultName: named.defaultName?.name)
    _ = store.load(now: now)
    for refusal in store.refusals {
      findings.error(position, "'\(refusal.source)' is refused: \(refusal.reason)")
    }
    for path in (try? CertificateDirectory(directory).keyPaths()) ?? [] {
      warnOfExposure(path, position)
    }
    let index = store.index
    // What etcd has is asked for with `--live`.
    if named.certificatesInEtcd != nil { return }
    if index.isEmpty {
      findings.error(
        position, "no usable certificate in '\(Found.shortened(directory))': https stays closed")
      return
    }
    CertificateCoverage(findings: findings, now: now).check(index, named)
  }
}

/// What lies at a path.
private enum Kind {
  case directory, socket, other
  case failure(SystemError)

  static func of(_ path: String) -> Kind {
    var facts = stat()
    // SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in
    // the frame that calls.
    guard unsafe stat(path, &facts) == 0 else { return .failure(SystemError("stat")) }
    switch facts.st_mode & S_IFMT {
    case S_IFSOCK: return .socket
    case S_IFDIR:
      // A directory is of use where it can be listed and entered.
      let isOpen = unsafe access(path, R_OK | X_OK) == 0
      return isOpen ? .directory : .failure(SystemError("access"))
    default: return .other
    }
  }
}
