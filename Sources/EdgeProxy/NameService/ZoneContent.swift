internal import DNSCore
internal import HTTPCore

/// Everything that the zone of the fleet says at one moment.
struct ZoneContent: Sendable, Equatable {
  /// One server of the fleet, which is `nsNUMBER.ZONE`.
  struct NameServer: Sendable, Equatable {
    /// From 1; the same at every server, and kept for as long as the server is known.
    var number: Int
    var addresses: [IPAddress]
  }

  var zone: DNSName
  /// By their numbers; all that are known, whether they live or not.
  var servers: [NameServer]
  /// What `all.ZONE` leads to, IPv4 and IPv6.
  var living: [IPAddress]
  /// What CAs are to be shown: for the name of a certificate, without `*.`, the values of
  /// `_acme-challenge.NAME.ZONE`.
  var texts: [DNSName: [[UInt8]]]
  /// Names that may have values later: there is a name `_acme-challenge.NAME.ZONE` without records.
  var wanted: Set<DNSName>
  /// Of the addresses, in seconds.
  var seconds: UInt32
  /// Grows with each change, RFC 1982.
  var serial: UInt32
}
