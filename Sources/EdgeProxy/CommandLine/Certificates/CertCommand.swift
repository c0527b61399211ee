internal import ArgumentParser

/// `edgeproxy cert`: the certificates that the fleet shares through etcd.
struct CertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cert",
    abstract: "The certificates that servers share through etcd.",
    discussion: """
      Every command reads the configuration for where etcd is and what its keys begin with. \
      A certificate goes to every server within a second of the command that stored it.
      """,
    subcommands: [
      CertListCommand.self, CertShowCommand.self, CertPutCommand.self, CertRemoveCommand.self,
      CertImportLegacyCommand.self, CertRekeyCommand.self, CertNewKeyCommand.self,
    ])
}

/// The name of a certificate in etcd, as a word of the command line.
struct CertificateNameArgument: ParsableArguments {
  @Argument(help: "What the certificate is called in etcd; its domain by custom.")
  var name: String

  private static let nameBytesMax = 200

  func validate() throws {
    let isGood =
      (1...Self.nameBytesMax).contains(name.utf8.count)
      && name.unicodeScalars.allSatisfy { !$0.isControl }
    if !isGood {
      throw ValidationError("A name is 1 to \(Self.nameBytesMax) bytes without control characters.")
    }
  }
}
