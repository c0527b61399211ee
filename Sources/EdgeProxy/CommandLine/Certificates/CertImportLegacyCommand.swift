internal import ArgumentParser
internal import CertStore
internal import Etcd

/// `edgeproxy cert import-legacy`: makes a bundle of the pair that scripts wrote before.
struct CertImportLegacyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import-legacy",
    abstract: "Make one certificate of fullchain.cer and DOMAIN.key in etcd; both stay.")

  @OptionGroup var file: ConfigurationFile

  @Argument(help: "The DOMAIN of DOMAIN.key; the certificate is called after it.")
  var domain: String

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let chain = try value(LegacyPair.chainKey, session)
      let key = try value(LegacyPair.key(of: domain), session)
      let bundle = try CertificateBundle.write(
        chainPEM: chain, keyPEM: key, keys: session.encryption, now: session.now)
      try CertificateStorage(session: session).put(domain, bundle)
    }
  }

  private func value(_ key: [UInt8], _ session: EtcdSession) throws -> [UInt8] {
    guard let found = try session.stored(key), !found.value.isEmpty else {
      throw CommandFailure("there is no '\(KeyText.text(key))' in etcd")
    }
    return found.value
  }
}
