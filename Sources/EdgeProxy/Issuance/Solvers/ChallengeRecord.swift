internal import ACME
internal import DNSCore

/// The TXT records of one name that a CA looks for, RFC 8555 §8.4.
struct ChallengeRecord: Equatable {
  /// With `_acme-challenge`.
  let name: DNSName
  /// Each once.
  let texts: [[UInt8]]

  /// What of `values` belongs into DNS, by names, in the order in which they come first.
  static func records(of values: [ChallengeValue]) -> [ChallengeRecord] {
    var order: [DNSName] = []
    var texts: [DNSName: [[UInt8]]] = [:]
    for value in values {
      guard case .dns(let text) = value.place,
        let name = DNSName(text)?.prepending("_acme-challenge")
      else { continue }
      if texts[name] == nil { order.append(name) }
      let bytes = Array(value.value.utf8)
      if texts[name]?.contains(bytes) != true { texts[name, default: []].append(bytes) }
    }
    return order.map { ChallengeRecord(name: $0, texts: texts[$0] ?? []) }
  }
}
