internal import Calendar
internal import ArgumentParser
internal import CertStore
internal import Etcd

/// `edgeproxy cert list`: what etcd has, and what servers think of it.
struct CertListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the certificates in etcd.")

  @OptionGroup var file: ConfigurationFile

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let values = try session.stored()
      let refusals = session.judged(values).refusals
      for value in values {
        let name = session.name(value.key)
        let source = KeyText.text(value.key)
        if let refusal = refusals.first(where: { $0.source == source }) {
          print("\(name)  refused: \(refusal.reason)")
        } else if Tombstone.isOne(value.value) {
          print("\(name)  removed")
        } else {
          let bundle = try CertificateBundle(
            reading: value.value, keys: session.encryption, allowsPlain: true)
          print(CertificateLine.text(name, bundle, now: session.now))
        }
      }
    }
  }
}

/// One certificate in one line.
enum CertificateLine {
  static func text(_ name: String, _ bundle: CertificateBundle, now: Int64) -> String {
    let certificate = bundle.certificate
    return "\(name)  \(certificate.names.joined(separator: " "))"
      + "  until \(UTC.text(certificate.notAfter)) (\(days(certificate.notAfter - now)))"
      + "  serial \(certificate.serial)  \(sealing(bundle))"
  }

  static func days(_ seconds: Int64) -> String {
    RemainingTime.text(seconds)
  }

  static func sealing(_ bundle: CertificateBundle) -> String {
    bundle.keyID.map { "key encrypted with \($0)" } ?? "key not encrypted"
  }
}
