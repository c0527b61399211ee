internal import ArgumentParser
internal import CertStore
internal import Etcd
internal import EventLoop

/// `edgeproxy cert put`: checks a chain with its key, seals the key, stores both as one value.
struct CertPutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Store a certificate with its key; checked before it is written.")

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var certificate: CertificateNameArgument

  @Option(
    help: ArgumentHelp("The chain in PEM, the server's certificate first.", valueName: "file"))
  var chain: String?

  @Option(help: ArgumentHelp("The private key in PEM.", valueName: "file"))
  var key: String?

  @Option(help: ArgumentHelp("Chain and key in one PEM file.", valueName: "file"))
  var bundle: String?

  @Option(
    help: ArgumentHelp(
      "How long it is tried again while etcd is away, such as 1h; 0 for one try.",
      valueName: "time"))
  var wait = WaitLimit(.seconds(60))

  func validate() throws {
    let isPair = chain != nil && key != nil && bundle == nil
    let isBundle = chain == nil && key == nil && bundle != nil
    if !isPair && !isBundle {
      throw ValidationError("Give '--chain' and '--key', or '--bundle'.")
    }
  }

  func run() throws {
    try CommandBody.run {
      let chainPEM = try PEMFile.read(chain ?? bundle ?? "")
      let keyPEM = try key.map { try PEMFile.read($0) }
      let session = try EtcdSession(file)
      let value = try CertificateBundle.write(
        chainPEM: chainPEM, keyPEM: keyPEM, keys: session.encryption, now: session.now)
      try session.patience(wait.span).run {
        try CertificateStorage(session: session).put(certificate.name, value)
      }
    }
  }
}

/// Files of certificates and keys that the command line names.
enum PEMFile {
  static func read(_ path: String) throws -> [UInt8] {
    do throws(SystemError) {
      return try WholeFile.read(path, bytesMax: 1 << 20)
    } catch {
      throw CommandFailure("'\(path)': \(error.reason)")
    }
  }
}

/// Stores a value after having it judged as every server will.
struct CertificateStorage {
  let session: EtcdSession

  func put(_ name: String, _ value: [UInt8]) throws {
    let key = session.key(name)
    let all = try session.stored()
    let old = all.first { $0.key == key }
    var judged = session.judged(all)
    _ = judged.apply(
      [.put(StoredValue(key: key, value: value))], now: session.now)
    let source = KeyText.text(key)
    if let refusal = judged.refusals.first(where: { $0.source == source }) {
      throw CommandFailure("not stored: \(refusal.reason)")
    }
    if old?.value != value { try session.replace(key, old, by: value) }
    let bundle = try CertificateBundle(reading: value, keys: session.encryption)
    if bundle.isPlain {
      warn("the private key lies in etcd as it is; see 'etcd.encryption_keys'")
    }
    for warning in bundle.certificate.warnings { warn("\(warning)") }
    for rival in session.index(of: judged).rivals(of: bundle.certificate) {
      let reason = rival.isExact ? "it has this very name" : "it is newer"
      warn("'\(rival.source)' answers for \(rival.name), not this certificate: \(reason)")
    }
    print(CertificateLine.text(name, bundle, now: session.now))
  }

  private func warn(_ text: String) { StandardError.write("edgeproxy: warning: \(text)\n") }
}
