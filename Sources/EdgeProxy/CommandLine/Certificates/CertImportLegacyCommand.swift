internal import ArgumentParser
internal import CertStore
internal import Etcd

/// `edgeproxy cert import-legacy`: makes a bundle of the pair that scripts wrote before.
struct CertImportLegacyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import-legacy",
    abstract: "Make one certificate of fullchain.cer and DOMAIN.key in etcd; both stay.",
    discussion: "The certificate is called after the domain.")

  @OptionGroup var file: ConfigurationFile

  @Argument(help: "The DOMAIN of DOMAIN.key; default: a name of the chain that has one.")
  var domain: String?

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let chain = try value(LegacyPair.chainKey, session)
      let key = try domain.map { LegacyPair.key(of: $0) } ?? keyInEtcd(of: chain, session)
      let bundle = try CertificateBundle.write(
        chainPEM: chain, keyPEM: try value(key, session), keys: session.encryption,
        now: session.now)
      try CertificateStorage(session: session).put(LegacyPair.domain(of: key), bundle)
    }
  }

  private func keyInEtcd(of chain: [UInt8], _ session: EtcdSession) throws -> [UInt8] {
    let candidates = LegacyPair.keys(of: chain)
    for key in candidates where try session.stored(key) != nil { return key }
    let names = candidates.map { "'\(KeyText.text($0))'" }.joined(separator: ", ")
    throw CommandFailure(
      names.isEmpty ? "the chain in etcd names no domain" : "there is none of \(names) in etcd")
  }

  private func value(_ key: [UInt8], _ session: EtcdSession) throws -> [UInt8] {
    guard let found = try session.stored(key), !found.value.isEmpty else {
      throw CommandFailure("there is no '\(KeyText.text(key))' in etcd")
    }
    return found.value
  }
}
