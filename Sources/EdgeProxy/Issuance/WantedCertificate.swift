internal import ACME
internal import Configuration

/// One certificate that this fleet is to have: some names, one kind of key.
struct WantedCertificate: Hashable, Sendable {
  /// Normalised, with `*.` first for a wildcard; never none, each once.
  let names: [String]
  let challenge: ChallengeType
  let key: AcmeSettings.KeyKind
  /// What it is called where certificates are stored.
  ///
  /// The first name, with `_wildcard` for `*`; the RSA certificate beside one with ECDSA has `_rsa` behind it,
  /// which no name of DNS has there.
  let name: String

  init(_ wanted: AcmeSettings.Wanted, key: AcmeSettings.KeyKind) {
    names = wanted.names
    challenge = wanted.challenge
    self.key = key
    let first = wanted.names.first ?? ""
    let stem = Self.shortened(
      first.hasPrefix("*.") ? "_wildcard" + first.dropFirst() : first)
    name = key == .rsa && wanted.keys.count > 1 ? stem + "_rsa" : stem
  }

  /// The stem of a file's name, which has 255 bytes at most with what is put before and behind it.
  private static func shortened(_ name: String) -> String {
    guard name.utf8.count > 180 else { return name }
    return "\(name.prefix(150))_\(RecordName.hash(.orders, name).name)"
  }

  /// What one set of names and a kind of key go by, whatever their order.
  var fingerprint: String { "\(names.sorted().joined(separator: " ")) \(key.rawValue)" }

  static func all(_ settings: AcmeSettings) -> [WantedCertificate] {
    settings.certificates.flatMap { wanted in
      wanted.keys.map { WantedCertificate(wanted, key: $0) }
    }
  }
}

/// Hosts that get a certificate each, because a route or an application has them and nothing covers them.
enum UncoveredHosts {
  /// A program that announces ever new hosts does not get a certificate for each.
  static let countMax = 1000

  /// The certificates for those of `hosts` that neither `wanted` nor `isCovered` covers; in their order.
  ///
  /// Names that the CAs do not take (`AcmeSettings.canOrder`) are left out.
  static func wanted(
    _ hosts: [String], _ settings: AcmeSettings, besides wanted: [WantedCertificate],
    isCovered: (String) -> Bool
  ) -> [WantedCertificate] {
    let names = Set(wanted.flatMap(\.names))
    var found: [WantedCertificate] = []
    var seen: Set<String> = []
    for host in hosts
    where isName(host) && settings.canOrder(host) && seen.insert(host).inserted {
      let parent = "*" + host.drop { $0 != "." }
      guard !names.contains(host), !names.contains(parent), !isCovered(host) else { continue }
      found.append(
        WantedCertificate(AcmeSettings.Wanted(names: [host], challenge: .http), key: .ecdsa))
      if found.count == countMax { break }
    }
    return found
  }

  /// Whether it is a name of DNS in letters, digits and `-`: it becomes the name of records and files.
  private static func isName(_ host: String) -> Bool {
    let labels = host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return host.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.count)
          && label.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
              || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
          }
      }
  }
}
