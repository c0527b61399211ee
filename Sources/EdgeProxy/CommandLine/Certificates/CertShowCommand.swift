internal import Calendar
internal import ArgumentParser
internal import CertStore
internal import Etcd

/// `edgeproxy cert show`: one certificate in full, but for its key.
struct CertShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one certificate, never its key.")

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var certificate: CertificateNameArgument

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let key = session.key(certificate.name)
      guard let value = try session.stored(key) else {
        throw CommandFailure("there is no '\(KeyText.text(key))' in etcd")
      }
      print("key in etcd:  \(KeyText.text(key)), revision \(value.modRevision)")
      if Tombstone.isOne(value.value) {
        print("state:        removed")
        return
      }
      let bundle = try CertificateBundle(
        reading: value.value, keys: session.encryption, allowsPlain: true)
      let found = bundle.certificate
      print("names:        \(found.names.joined(separator: " "))")
      print("serial:       \(found.serial)")
      print("valid from:   \(UTC.text(found.notBefore))")
      let left = CertificateLine.days(found.notAfter - session.now)
      print("valid until:  \(UTC.text(found.notAfter)) (\(left))")
      print("chain:        \(found.chain.count) certificates, \(found.keyKind) key")
      for warning in found.warnings { print("warning:      \(warning)") }
      print("private key:  \(CertificateLine.sealing(bundle))")
      let refusals = session.judged(try session.stored()).refusals
      let refusal = refusals.first { $0.source == KeyText.text(key) }
      print("state:        \(refusal.map { "refused: \($0.reason)" } ?? "good")")
    }
  }
}
