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

  /// With whose eyes.
  var view = ServiceView.own

  private var access: AccessReport { AccessReport(findings: findings, view: view) }

  func check(_ named: NamedThings) {
    for (path, position) in named.challenges { checkDirectory(path, .list, position) }
    for (path, position) in named.files.directories { checkComing(path, .list, position) }
    for (path, position) in named.states { checkComing(path, .fill, position) }
    for log in named.logs { checkLog(log) }
    for (path, position) in named.files.ownSockets { checkOwnSocket(path, position) }
    if let (path, position) = named.files.signingKeys { checkSigningKeys(path, position) }
    for (address, position) in named.sockets { check(address, position) }
    for (path, position) in named.files.authorities where access.isOpen(path, .read, position) {
      checkAuthorities(path, position)
    }
    for (rule, position) in named.files.clientRules {
      for warning in rule.authorities.warnings(now: now) { findings.warning(position, warning) }
    }
    for (path, position) in named.certificates { checkCertificates(path, position, named) }
    SecretFilesCheck(findings: findings, view: view).check(named.files)
    if let (settings, position) = named.etcd { checkShared(settings, position, named) }
    checkPrivilegedPorts(named)
  }

  private func checkDirectory(_ path: String, _ need: PathAccess.Need, _ position: Position) {
    guard access.isOpen(path, need, position) else { return }
    if let reason = mistake(ofDirectory: path) { findings.error(position, reason) }
  }

  /// The server, its service manager or a deployment makes these.
  private func checkComing(_ path: String, _ need: PathAccess.Need, _ position: Position) {
    guard access.isOpen(path, need, position) else { return }
    // systemd makes them when it starts the service.
    if view.isInstalled, view.isManaged(path) { return }
    if let reason = mistake(ofDirectory: path) { findings.warning(position, reason) }
  }

  private func checkLog(_ log: NamedThings.Path) {
    guard let directory = Self.directory(of: log) else { return }
    guard access.isOpen(log.path, .append, log.position) else { return }
    if view.isInstalled, view.isManaged(log.path) { return }
    if let reason = mistake(ofDirectory: directory.path) { findings.warning(log.position, reason) }
  }

  /// The directory of a socket that the server makes; that it is not there yet says nothing.
  private func checkOwnSocket(_ path: String, _ position: Position) {
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
    _ = access.isOpen(String(path[..<slash]), .fill, position)
  }

  /// Ports below 1024 are root's, and those of a service that may have them.
  private func checkPrivilegedPorts(_ named: NamedThings) {
    guard view.isInstalled, let unit = view.unit, let user = unit.user,
      !unit.capabilities.contains("CAP_NET_BIND_SERVICE")
    else { return }
    let listeners = named.listeners + named.dns.listeners
    for (address, position) in listeners where (1..<1024).contains(address.port ?? 0) {
      findings.error(
        position,
        "user '\(user)' cannot listen on '\(address)': Permission denied (EACCES) below port 1024;"
          + " AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit")
    }
  }

  /// The files that etcd is reached and its secrets are opened with.
  private func checkShared(
    _ settings: SharedSettings, _ position: Position, _ named: NamedThings
  ) {
    let place = { (key: String) -> Position in
      named.files.etcd.first { $0.key == key }?.position ?? position
    }
    let isSecure = settings.etcd.endpoints.contains(where: \.isSecure)
    var areThere = true
    for (key, path, position) in named.files.etcd where key != "endpoints" {
      if key != "encryption_keys", !isSecure { continue }
      let need: PathAccess.Need = key == "encryption_keys" ? .readAlone : .read
      if !canRead(path, need, position) { areThere = false }
    }
    if isSecure, areThere {
      do throws(TLSError) {
        _ = try ClientContext(settings.etcd.identity, protocols: ["h2"])
        if let key = settings.etcd.identity.keyFile { warnOfExposure(key, place("key")) }
      } catch {
        findings.error(place(Self.key(of: error, settings.etcd.identity)), "\(error)")
      }
    }
    guard let path = settings.encryptionKeys else {
      if let (_, position) = named.certificatesInEtcd {
        findings.warning(position, "private keys lie in etcd as they are; see 'encryption_keys'")
      }
      return
    }
    guard Kind.of(path).isFile else { return }
    do {
      _ = try settings.readEncryptionKeys()
    } catch {
      if view.isStranger { return }
      findings.error(place("encryption_keys"), "\(error)")
    }
  }

  /// Which key of `etcd` names the file that OpenSSL does not take; its words begin with the path.
  private static func key(of error: TLSError, _ identity: ClientIdentity) -> String {
    for (key, path) in [
      ("ca", identity.authorityFile), ("certificate", identity.certificateFile),
      ("key", identity.keyFile),
    ] {
      if let path, error.call.hasPrefix("'\(path)'") { return key }
    }
    return "endpoints"
  }

  /// Says why not.
  private func canRead(
    _ path: String, _ need: PathAccess.Need, _ position: Position
  ) -> Bool {
    guard access.isOpen(path, need, position) else { return false }
    switch Kind.of(path) {
    case .failure(let error):
      findings.error(position, "'\(Found.shortened(path))' cannot be read: \(error.reason)")
    case .directory:
      findings.error(position, "'\(Found.shortened(path))' is a directory")
    default: return true
    }
    return false
  }

  /// The directory that a log is in.
  private static func directory(of log: NamedThings.Path) -> NamedThings.Path? {
    guard let slash = log.path.lastIndex(of: "/") else { return nil }
    return (String(log.path[...slash]), log.position)
  }

  private func check(_ socket: SocketAddress, _ position: Position) {
    // Abstract names are in no directory.
    guard !socket.host.hasPrefix("@") else { return }
    guard access.isOpen(socket.host, .connect, position) else { return }
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
    guard access.isOpen(path, .list, position) else { return }
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
    guard access.isOpen(directory, .list, position) else { return }
    if let reason = mistake(ofDirectory: directory) {
      // The file does not name it, and the certificates are to come from elsewhere.
      guard named.acme.isAlone, Kind.of(directory).isMissing else {
        return findings.error(position, reason)
      }
      warnOfFirstCertificate(named)
      return CertificateCoverage(findings: findings, now: now).check(.empty, named)
    }
    let closed = closedFiles(directory, position)
    let store = CertStore(
      directory: CertificateDirectory(directory), defaultName: named.defaultName?.name)
    _ = store.load(now: now)
    for refusal in store.refusals where !closed.contains(refusal.source) {
      findings.error(position, "'\(refusal.source)' is refused: \(refusal.reason)")
    }
    for path in (try? CertificateDirectory(directory).keyPaths()) ?? [] {
      warnOfExposure(path, position)
    }
    let index = store.index
    // What etcd has is asked for with `--live`.
    if named.certificatesInEtcd != nil { return }
    // What cannot be read covers names, too.
    if !closed.isEmpty { return }
    // What `acme` orders is to come.
    if index.isEmpty, named.acme.settings == nil {
      findings.error(
        position, "no usable certificate in '\(Found.shortened(directory))': https stays closed")
      return
    }
    if index.isEmpty { warnOfFirstCertificate(named) }
    CertificateCoverage(findings: findings, now: now).check(index, named)
  }
}

extension NamedThingsCheck {
  /// The https port opens once there is a certificate, and the CA's question comes to it.
  private func warnOfFirstCertificate(_ named: NamedThings) {
    guard let acme = named.acme.settings, let (_, position) = named.acme.names.first,
      !acme.routedHosts, acme.certificates.allSatisfy({ $0.challenge == .alpn })
    else { return }
    findings.warning(
      position,
      "https is closed until there is a certificate, so the first one cannot come by challenge tls-alpn"
    )
  }

  /// The files of the directory that may not be read; each was reported.
  private func closedFiles(_ directory: String, _ position: Position) -> Set<String> {
    let scan = try? CertificateDirectory(directory).scan()
    let closed = (scan?.unreadable ?? []).filter { $0.error.code == EACCES }
    for file in closed { _ = access.isOpen(file.path, .read, position) }
    return Set(closed.map(\.path))
  }
}

/// What lies at a path.
private enum Kind {
  case directory, socket, other
  case failure(SystemError)

  var isFile: Bool {
    switch self {
    case .directory, .failure: false
    default: true
    }
  }

  var isMissing: Bool {
    if case .failure(let error) = self { error.code == ENOENT } else { false }
  }

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
