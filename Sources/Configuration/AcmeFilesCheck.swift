internal import CertStore
internal import EventLoop
internal import Glibc

/// Looks at the files that `acme` names: secrets, and the program that writes records.
struct AcmeFilesCheck {
  let findings: Findings
  let view: ServiceView

  /// More is no key.
  private static let secretBytesMax = 4096

  func check(_ named: NamedAcme) {
    for (path, position, kind) in named.secrets { checkSecret(path, position, kind) }
    if let (path, position) = named.hook { checkHook(path, position) }
  }

  private func checkSecret(_ path: String, _ position: Position, _ kind: NamedAcme.Secret) {
    let access = AccessReport(findings: findings, view: view)
    guard access.isOpen(path, .readAlone, position) else { return }
    do throws(SystemError) {
      let bytes = try WholeFile.read(path, bytesMax: Self.secretBytesMax)
      if let exposure = SecretFile.exposure(of: path, holding: "a secret") {
        findings.warning(position, exposure)
      }
      if let mistake = Self.mistake(in: bytes, kind) {
        findings.error(position, "'\(Found.shortened(path))' \(mistake)")
      }
    } catch {
      findings.error(position, "'\(Found.shortened(path))' cannot be read: \(error.reason)")
    }
  }

  /// What is wrong with the bytes of a secret, none of which it says; `nil` for nothing.
  private static func mistake(in bytes: [UInt8], _ kind: NamedAcme.Secret) -> String? {
    if bytes.count > secretBytesMax { return "is larger than \(ByteSize.text(secretBytesMax))" }
    let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    let words = bytes.split { spaces.contains($0) }
    guard let first = words.first else { return "is empty" }
    guard kind == .externalAccount else { return nil }
    let isKey =
      words.count == 1
      && first.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || "-_+/=".utf8.contains($0)
      }
    return isKey ? nil : "holds no key in base64url, as the issuer's website shows it"
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
