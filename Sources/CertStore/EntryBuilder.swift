internal import TLS

/// Chooses, for each name and each kind of key, the certificate that answers.
///
/// Of several the newest one does, by when its validity began: so a short-lived certificate, or one that
/// replaces a compromised key, takes over wherever it comes from. An expired one never answers beside
/// one that is valid. An exact name comes before a wildcard, but takes from the wildcard the kind of key
/// that it lacks. Names with the same answer make one entry.
enum EntryBuilder {
  /// A certificate as read, with its names normalised.
  struct Item: Sendable {
    var certificate: Certificate
    var names: [[UInt8]]
    var source: String

    /// Judges dates and names: what may begin to be served now.
    init(_ certificate: Certificate, source: String, now: Int64) throws(CertificateError) {
      try certificate.check(now: now)
      self.certificate = certificate
      names = try CertificateName.normalised(certificate.names)
      self.source = source
    }
  }

  /// The numbers of the items that answer for a name.
  private struct Choice: Hashable {
    var ecdsa: Int?
    var rsa: Int?

    subscript(_ kind: Certificate.KeyKind) -> Int? {
      get { kind == .ecdsa ? ecdsa : rsa }
      set { if kind == .ecdsa { ecdsa = newValue } else { rsa = newValue } }
    }

    var numbers: [Int] { [ecdsa, rsa].compactMap { $0 } }
  }

  /// The entries in the order of their sources; `now` is in seconds since 1970.
  static func entries(_ items: [Item], now: Int64) -> [CertificateEntry] {
    let isValid = items.map { $0.certificate.notAfter >= now }
    var choices: [[UInt8]: Choice] = [:]
    for (number, item) in items.enumerated() {
      let kind = item.certificate.keyKind
      for name in item.names {
        if let other = choices[name]?[kind] {
          let isBetter =
            isValid[number] == isValid[other] ? item.isNewer(than: items[other]) : isValid[number]
          guard isBetter else { continue }
        }
        choices[name, default: Choice()][kind] = number
      }
    }
    var groups: [Choice: [[UInt8]]] = [:]
    for (name, own) in choices {
      var choice = own
      if let wildcard = Coverage.wildcard(over: name), let wide = choices[wildcard] {
        for kind in [Certificate.KeyKind.ecdsa, .rsa] {
          guard let other = wide[kind] else { continue }
          if let exact = choice[kind], isValid[exact] || !isValid[other] { continue }
          choice[kind] = other
        }
      }
      if choice.numbers.contains(where: { isValid[$0] }) {
        if let number = choice.ecdsa, !isValid[number] { choice.ecdsa = nil }
        if let number = choice.rsa, !isValid[number] { choice.rsa = nil }
      }
      groups[choice, default: []].append(name)
    }
    return groups.map { choice, names in
      CertificateEntry(
        choice.numbers.map { items[$0] }, names: names.sorted { $0.lexicographicallyPrecedes($1) })
    }.sorted { $0.precedes($1) }
  }
}

extension EntryBuilder.Item {
  /// Whether this one answers rather than `other`, where both are valid for a name and have one kind
  /// of key.
  func isNewer(than other: Self) -> Bool {
    let (mine, others) = (certificate, other.certificate)
    if mine.issuedAt != others.issuedAt { return mine.issuedAt > others.issuedAt }
    if mine.notAfter != others.notAfter { return mine.notAfter > others.notAfter }
    return source < other.source
  }
}
