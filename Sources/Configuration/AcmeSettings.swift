package import ACME
package import EventLoop

/// The certificates that the server orders by itself, RFC 8555, and from which CAs.
///
/// Complete: every word has become its URL, every certificate has a challenge and its kinds of key.
package struct AcmeSettings: Sendable, Equatable {
  /// The operator accepts the terms of each issuer; always true in a configuration without mistakes.
  package var termsAccepted: Bool
  /// URLs such as `mailto:ops@example.org`; may be none.
  package var contacts: [String]
  /// In the order in which they are tried; never none.
  package var issuers: [Issuer]
  /// No set of names is there twice.
  package var certificates: [Wanted]
  /// `nil` where no certificate has the challenge `dns-01`.
  package var dns: DNSWay?
  /// Each exact routed or announced host that no certificate covers gets one of its own.
  package var routedHosts: Bool
  /// A file of CAs that the issuers' own HTTPS descends from; `nil` for those that the system trusts.
  package var authorityFile: String?
  /// The part of a certificate's life after which it is replaced, 0.5 to 0.9; `nil` where the issuer says
  /// when (RFC 9773), and otherwise two thirds.
  package var renewAt: Double?

  package init(
    termsAccepted: Bool, contacts: [String], issuers: [Issuer], certificates: [Wanted],
    dns: DNSWay?, routedHosts: Bool, authorityFile: String?, renewAt: Double?
  ) {
    self.termsAccepted = termsAccepted
    self.contacts = contacts
    self.issuers = issuers
    self.certificates = certificates
    self.dns = dns
    self.routedHosts = routedHosts
    self.authorityFile = authorityFile
    self.renewAt = renewAt
  }

  /// A CA.
  package struct Issuer: Sendable, Equatable {
    /// The URL of its directory, with https.
    package var directory: String
    /// What people call it: a word of the configuration, or the URL.
    package var name: String
    /// Which kind of certificate is ordered, where the CA offers several; `nil` for its default.
    package var profile: String?
    /// What binds our account to one that the operator has there; `nil` where the CA needs none.
    package var externalAccount: ExternalAccount?
    /// The directory at which an order is rehearsed: what it issues nobody trusts; `nil` where the CA has none.
    package var staging: String?

    /// The CA to rehearse with; `nil` where there is none.
    package var rehearsal: Issuer? {
      staging.map {
        Issuer(
          directory: $0, name: "\(name) (staging)", profile: profile,
          externalAccount: externalAccount)
      }
    }

    package init(
      directory: String, name: String, profile: String? = nil,
      externalAccount: ExternalAccount? = nil, staging: String? = nil
    ) {
      self.staging = staging
      self.directory = directory
      self.name = name
      self.profile = profile
      self.externalAccount = externalAccount
    }
  }

  /// RFC 8555 §7.3.4.
  package struct ExternalAccount: Sendable, Equatable {
    package var id: String
    /// The file of the key for the MAC, in base64url as the CA shows it.
    package var keyFile: String

    package init(id: String, keyFile: String) {
      self.id = id
      self.keyFile = keyFile
    }
  }

  /// One certificate, or one for each kind of key.
  package struct Wanted: Sendable, Equatable {
    /// Normalised, with `*.` first for one label of anything; never none, each once.
    ///
    /// The first is what the certificate is called.
    package var names: [String]
    package var challenge: ChallengeType
    /// Never none, each once.
    package var keys: [KeyKind]

    package init(names: [String], challenge: ChallengeType, keys: [KeyKind] = [.ecdsa]) {
      self.names = names
      self.challenge = challenge
      self.keys = keys
    }
  }

  package enum KeyKind: String, Sendable, Hashable, CaseIterable { case ecdsa, rsa }

  /// How the values that a CA looks for come into DNS.
  package enum DNSWay: Sendable, Equatable {
    case update(Update)
    case hook(Hook)
    /// The zone that the fleet answers itself; `Configuration.nameService` is there.
    case fleet
    /// The provider of `Configuration.records`.
    case records
  }

  /// Dynamic updates, RFC 2136, signed with TSIG, RFC 8945.
  package struct Update: Sendable, Equatable {
    /// The primary of the zone.
    package var server: SocketAddress
    /// Normalised.
    package var zone: String
    package var keyName: String
    /// The file of the secret.
    package var keyFile: String
    package var algorithm: Algorithm
    /// Further servers of the zone, which must have the values before the CA is asked to look.
    package var secondaries: [SocketAddress]
    /// Asked where a CNAME at `_acme-challenge.NAME` leads; `nil` for the system's.
    package var resolver: SocketAddress?

    package enum Algorithm: String, Sendable, CaseIterable {
      case sha256 = "hmac-sha256"
      case sha512 = "hmac-sha512"
    }
  }

  /// A program that is called as lego calls its `exec` provider.
  package struct Hook: Sendable, Equatable {
    package var command: String
    /// For one call of it.
    package var timeout: Duration
    /// How long the servers of the zone take to have what it wrote.
    package var wait: Duration
  }
}
