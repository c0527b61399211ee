internal import ArgumentParser
internal import CertStore
internal import Etcd
internal import TLS

/// `edgeproxy cert rekey`: seals every secret in etcd with the first of the encryption keys.
struct CertRekeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rekey",
    abstract: "Encrypt all private keys and the ticket keys in etcd with the first key of the file."
  )

  @OptionGroup var file: ConfigurationFile

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      guard let encryption = session.encryption else {
        throw CommandFailure("'\(file.config)' has no 'etcd.encryption_keys'")
      }
      var failures = 0
      for value in try session.stored() where !Tombstone.isOne(value.value) {
        let name = session.name(value.key)
        do {
          let bundle = try CertificateBundle(
            reading: value.value, keys: encryption, allowsPlain: true)
          guard let next = try bundle.resealed(encryption) else {
            print("\(name)  already encrypted with \(encryption.sealingID)")
            continue
          }
          try session.replace(value.key, value, by: next)
          print("\(name)  encrypted with \(encryption.sealingID)")
        } catch {
          failures += 1
          StandardError.write("edgeproxy: '\(KeyText.text(value.key))': \(error)\n")
        }
      }
      try rekeyTickets(session, encryption)
      if failures > 0 { throw ExitCode(1) }
    }
  }

  private func rekeyTickets(_ session: EtcdSession, _ encryption: EncryptionKeys) throws {
    let key = Array((session.settings.prefix + SharedTickets.keyringName).utf8)
    guard let value = try session.stored(key) else { return }
    let keyring: TicketKeyring
    do throws(TicketKeyringError) {
      keyring = try TicketKeyring(decoding: value.value, with: encryption)
    } catch {
      guard error == .notSealed else {
        throw CommandFailure("'\(KeyText.text(key))': \(error)")
      }
      // Every client that can read etcd could have read these; sealing them would not make them
      // secret again.
      keyring = try TicketKeyring(now: session.now)
    }
    try session.replace(key, value, by: try keyring.encoded(with: encryption))
    print("ticket keys  encrypted with \(encryption.sealingID)")
  }
}
