internal import DNSCore

/// The zones that the top of the file names, for what is to be written into them.
struct NamedZones {
  /// `dns` is there, whatever is wrong in it.
  var isAnswering = false
  /// `records` is there, whatever is wrong in it.
  var areKept = false
  /// The servers of `dns` are several, and have no etcd through which one could tell the others a value.
  var isDivided = false
  /// Which the servers answer.
  var fleet: DNSName?
  /// At the provider of `records`.
  var provider: DNSName?

  static let challenge = "_acme-challenge"

  /// Why the servers cannot answer for the challenge of a name; `nil` where they can.
  ///
  /// The CNAME of the name leads to `_acme-challenge.NAME.ZONE`, which is a name, too.
  func whyNotAnswered(_ name: String) -> String? {
    guard let fleet, let name = DNSName(name) else { return nil }
    if name.isWithin(fleet) {
      return "is in '\(fleet)', and the zone of 'dns' answers for names outside of it"
    }
    if isDivided {
      return
        "needs 'etcd' for the zone of 'dns': a CA may ask any of 'servers', and without etcd one alone"
        + " has the value"
    }
    let label = Array(Self.challenge.utf8)
    if DNSName(labels: [label] + name.labels + fleet.labels) != nil { return nil }
    return "is too long: '\(Self.challenge).' before it and '\(fleet)' behind it are a name of more"
      + " than \(DNSName.bytesMax) bytes"
  }

  /// Why the provider cannot have the record for the challenge of a name; `nil` where it can.
  func whyNotKept(_ name: String) -> String? {
    guard let provider, let name = DNSName(name), !name.isWithin(provider) else { return nil }
    return "is not in '\(provider)', the zone of 'records'"
  }
}
