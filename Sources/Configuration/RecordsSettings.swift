package import DNSCore
package import EventLoop

/// Address records that the fleet keeps at a provider, for those who cannot delegate a zone.
///
/// Complete: every default is filled in.
package struct RecordsSettings: Sendable, Equatable {
  package var provider: Provider
  /// The zone at the provider.
  package var zone: DNSName
  /// The names whose A and AAAA records are kept, whole and with their wildcards; never none, each once.
  package var names: [DNSName]
  /// How long an answer may be kept, in seconds; one that the provider takes.
  package var seconds: UInt32
  /// What would be changed is only logged.
  package var isDryRun: Bool

  package init(
    provider: Provider, zone: DNSName, names: [DNSName], seconds: UInt32, isDryRun: Bool
  ) {
    self.provider = provider
    self.zone = zone
    self.names = names
    self.seconds = seconds
    self.isDryRun = isDryRun
  }

  package enum Provider: Sendable, Equatable {
    case update(Update)
    case cloudns(ClouDNS)
    case hook(Hook)
  }

  /// Dynamic updates, RFC 2136, signed with TSIG, RFC 8945; over TCP.
  package struct Update: Sendable, Equatable {
    package var server: SocketAddress
    package var keyName: DNSName
    package var keyFile: String
    package var algorithm: TSIGAlgorithm

    package init(
      server: SocketAddress, keyName: DNSName, keyFile: String, algorithm: TSIGAlgorithm
    ) {
      self.server = server
      self.keyName = keyName
      self.keyFile = keyFile
      self.algorithm = algorithm
    }
  }

  /// The HTTP API of ClouDNS.
  package struct ClouDNS: Sendable, Equatable {
    package var user: User
    /// The file of the API password.
    package var passwordFile: String
    /// What the URLs of the API begin with, without a slash at the end.
    package var url: String
    /// A file of CAs that its HTTPS descends from; `nil` for those that the system trusts.
    package var authorityFile: String?

    package enum User: Sendable, Equatable {
      case main(Int)
      case sub(Int)
      case subName(String)
    }

    package init(user: User, passwordFile: String, url: String, authorityFile: String?) {
      self.user = user
      self.passwordFile = passwordFile
      self.url = url
      self.authorityFile = authorityFile
    }
  }

  /// A program that is called for each change.
  package struct Hook: Sendable, Equatable {
    package var command: String
    package var mode: Mode
    /// `NAME=VALUE` a line, as systemd's EnvironmentFile; what the program gets beside PATH.
    package var environmentFile: String?
    /// For one call of it; 60 s at most.
    package var timeout: Duration

    package enum Mode: String, Sendable, CaseIterable {
      /// `HOOK add|remove NAME TYPE VALUE TTL`, for addresses and TXT.
      case own
      /// Addresses as in `own`, and TXT by `HOOK present|cleanup FQDN VALUE`.
      case lego
    }

    package init(command: String, mode: Mode, environmentFile: String?, timeout: Duration) {
      self.command = command
      self.mode = mode
      self.environmentFile = environmentFile
      self.timeout = timeout
    }
  }
}
