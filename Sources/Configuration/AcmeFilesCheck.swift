internal import CertStore
internal import DNSCore
internal import EventLoop
internal import Glibc
internal import TLS

/// Looks at the files that `acme` names: secrets, and the program that writes records.
struct AcmeFilesCheck {
  let findings: Findings
  let view: ServiceView

  /// More is no key of an external account.
  private static let accountBytesMax = 4096

  func check(_ named: NamedAcme) {
    for (path, position, kind) in named.secrets {
      let access = AccessReport(findings: findings, view: view)
      guard access.isOpen(path, .readAlone, position) else { continue }
      let mistake =
        switch kind {
        case .externalAccount: mistake(inAccount: path, position)
        case .transactions(let name, let algorithm): Self.mistake(inKey: path, name, algorithm)
        }
      if let mistake { findings.error(position, "'\(Found.shortened(path))' \(mistake)") }
    }
    if let (path, position) = named.hook { checkHook(path, position) }
  }

  /// What is wrong with the key of an external account; `nil` for nothing.
  private func mistake(inAccount path: String, _ position: Position) -> String? {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try WholeFile.read(path, bytesMax: Self.accountBytesMax)
    } catch {
      return "cannot be read: \(error.reason)"
    }
    if let exposure = SecretFile.exposure(of: path, holding: "a secret") {
      findings.warning(position, exposure)
    }
    if bytes.count > Self.accountBytesMax {
      return "is larger than \(ByteSize.text(Self.accountBytesMax))"
    }
    let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace && $0 != "=" }
    if text.isEmpty { return "is empty" }
    return Base64URL.decode(text) == nil
      ? "holds no key in base64url, as the issuer's website shows it" : nil
  }

  /// What is wrong with the key that updates are signed with; `nil` for nothing.
  private static func mistake(
    inKey path: String, _ name: String, _ algorithm: AcmeSettings.Update.Algorithm
  ) -> String? {
    guard let name = DNSName(name) else { return nil }
    let algorithm: TSIGAlgorithm = algorithm == .sha512 ? .sha512 : .sha256
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

  private func checkHook(_ path: String, _ position: Position) {
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
