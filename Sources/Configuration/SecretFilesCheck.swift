internal import CertStore
internal import DNSCore
internal import EventLoop
internal import Glibc
internal import TLS

/// Looks at the files of secrets that are needed to ask others, and at the programs that ask for us.
struct SecretFilesCheck {
  let findings: Findings
  let view: ServiceView

  /// More is no password, and no key of an external account.
  private static let bytesMax = 4096
  private static let environmentBytesMax = 64 << 10

  func check(_ named: NamedThings.Files) {
    for secret in named.secrets {
      let access = AccessReport(findings: findings, view: view)
      guard access.isOpen(secret.path, secret.need, secret.position) else { continue }
      if let mistake = mistake(in: secret) {
        findings.error(secret.position, "'\(Found.shortened(secret.path))' \(mistake)")
      }
    }
    for (path, position) in named.programs { checkProgram(path, position) }
  }

  /// What is wrong with the file of a secret; `nil` for nothing.
  private func mistake(in secret: NamedSecret) -> String? {
    switch secret.kind {
    case .externalAccount:
      mistake(inTextOf: secret, atMost: Self.bytesMax) { text in
        let text = text.filter { !$0.isWhitespace && $0 != "=" }
        if text.isEmpty { return "is empty" }
        return Base64URL.decode(text) == nil
          ? "holds no key in base64url, as the issuer's website shows it" : nil
      }
    case .password:
      mistake(inTextOf: secret, atMost: Self.bytesMax) { text in
        let lines = text.split(whereSeparator: \.isNewline)
        guard let password = lines.first else { return "is empty" }
        if lines.count > 1 { return "must hold the password alone, found \(lines.count) lines" }
        return password.unicodeScalars.contains(where: \.isControl)
          ? "has a control character in it" : nil
      }
    case .users: warnOfExposure(secret)
    case .environment:
      mistake(inTextOf: secret, atMost: Self.environmentBytesMax) { _ in nil }
    case .transactions(let name, let algorithm): Self.mistake(inKey: secret.path, name, algorithm)
    }
  }

  private func mistake(
    inTextOf secret: NamedSecret, atMost bytesMax: Int, _ mistake: (String) -> String?
  ) -> String? {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try WholeFile.read(secret.path, bytesMax: bytesMax)
    } catch {
      return "cannot be read: \(error.reason)"
    }
    _ = warnOfExposure(secret)
    if bytes.count > bytesMax { return "is larger than \(ByteSize.text(bytesMax))" }
    return mistake(String(decoding: bytes, as: UTF8.self))
  }

  /// Warns of a file that others can open, and finds nothing else wrong.
  private func warnOfExposure(_ secret: NamedSecret) -> String? {
    if let exposure = SecretFile.exposure(of: secret.path, holding: "a secret") {
      findings.warning(secret.position, exposure)
    }
    return nil
  }

  /// What is wrong with the key that updates are signed with; `nil` for nothing.
  private static func mistake(
    inKey path: String, _ name: DNSName, _ algorithm: TSIGAlgorithm
  ) -> String? {
    do {
      let text = try KeyFile.text(of: path, bytesMax: TSIGKey.fileBytesMax)
      _ = try TSIGKey(name: name, algorithm: algorithm, file: text)
      return nil
    } catch KeyFileError.unreadable(let error) {
      return "cannot be read: \(error.reason)"
    } catch {
      return "cannot be used for key '\(name)': \(error)"
    }
  }

  private func checkProgram(_ path: String, _ position: Position) {
    let access = AccessReport(findings: findings, view: view)
    guard access.isOpen(path, .run, position) else { return }
    var facts = stat()
    // SAFETY: the path is a C string for the length of the call, which fills a value of this frame.
    guard unsafe stat(path, &facts) == 0 else {
      let error = SystemError("stat")
      return findings.error(position, "'\(Found.shortened(path))' cannot be run: \(error.reason)")
    }
    if facts.st_mode & S_IFMT == S_IFDIR {
      findings.error(position, "'\(Found.shortened(path))' is a directory, and no program")
    }
  }
}
