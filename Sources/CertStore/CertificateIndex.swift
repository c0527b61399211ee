internal import HTTPCore
package import TLS

/// One or two certificates, of different kinds of key, for the same names.
package final class CertificateEntry: Sendable {
  package let certificates: [Certificate]
  /// Normalised; `*.` first for a wildcard.
  package let names: [[UInt8]]
  /// Where it was read: a path, or a key of etcd.
  package let source: String

  init(certificates: [Certificate], names: [[UInt8]], source: String) {
    self.certificates = certificates
    self.names = names
    self.source = source
  }

  /// Whether the certificates are valid for a normalised host name, RFC 9525 §6.3.
  package func covers(_ host: borrowing Span<UInt8>) -> Bool {
    for name in names where Self.matches(name, host) { return true }
    return false
  }

  private static func matches(_ name: [UInt8], _ host: borrowing Span<UInt8>) -> Bool {
    var start = 0
    var rest = 0
    if name.first == UInt8(ascii: "*") {
      // The wildcard stands for exactly one label.
      while start < host.count, host[start] != UInt8(ascii: ".") { start += 1 }
      guard start > 0 else { return false }
      rest = 1
    }
    guard host.count - start == name.count - rest else { return false }
    for index in 0..<(name.count - rest) where host[start + index] != name[rest + index] {
      return false
    }
    return true
  }
}

/// Which certificate answers for which name: an immutable snapshot.
package struct CertificateIndex: Sendable {
  package let entries: [CertificateEntry]
  /// Served when a client names no server.
  package let fallback: Int?
  private let table: NameTable<Int>

  package static let empty = CertificateIndex(entries: [], defaultName: nil)

  /// Where two entries have a name in common, the one that is valid longer has it.
  package init(entries: [CertificateEntry], defaultName: String?) {
    self.entries = entries
    var pairs: [(name: [UInt8], value: Int)] = []
    let order = entries.indices.sorted { Self.end(entries[$0]) < Self.end(entries[$1]) }
    for index in order {
      for name in entries[index].names { pairs.append((name, index)) }
    }
    table = NameTable(pairs)
    if let defaultName {
      var normal: [UInt8] = []
      let text = Array(defaultName.utf8)
      fallback = HostName.normalise(text.span, into: &normal) ? table.lookup(normal.span) : nil
    } else {
      fallback = entries.indices.min { entries[$0].source < entries[$1].source }
    }
  }

  private static func end(_ entry: CertificateEntry) -> Int64 {
    entry.certificates.map(\.notAfter).min() ?? 0
  }

  package var isEmpty: Bool { entries.isEmpty }

  /// The entry for a normalised name.
  package func lookup(_ name: borrowing Span<UInt8>) -> Int? { table.lookup(name) }
}

/// Groups certificates for the same names and different kinds of key into one entry.
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

  static func entries(_ items: [Item]) -> [CertificateEntry] {
    var groups: [[[UInt8]]: [Item]] = [:]
    for item in items { groups[item.names.sorted(by: Self.precedes), default: []].append(item) }
    var entries: [CertificateEntry] = []
    for (names, members) in groups {
      var best: [Certificate.KeyKind: Item] = [:]
      for member in members {
        let kind = member.certificate.keyKind
        if let other = best[kind], other.certificate.notAfter >= member.certificate.notAfter {
          continue
        }
        best[kind] = member
      }
      let chosen = best.values.sorted { $0.source < $1.source }
      entries.append(
        CertificateEntry(
          certificates: chosen.map(\.certificate), names: names,
          source: chosen.map(\.source).joined(separator: ", ")))
    }
    return entries.sorted { $0.source < $1.source }
  }

  private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.lexicographicallyPrecedes(right)
  }
}

/// The names of a certificate in the one form in which names are compared.
package enum CertificateName {
  /// All of them, or the first that is no DNS name.
  static func normalised(_ names: [String]) throws(CertificateError) -> [[UInt8]] {
    var normal: [[UInt8]] = []
    for name in names {
      guard let bytes = normalise(name) else { throw .malformedName(name) }
      normal.append(bytes)
    }
    return normal
  }

  /// `nil` where `name` is neither a DNS name nor a wildcard for one label.
  package static func normalise(_ name: String) -> [UInt8]? {
    let bytes = Array(name.utf8)
    var normal: [UInt8] = []
    if bytes.starts(with: "*.".utf8) {
      let rest = Array(bytes.dropFirst(2))
      guard HostName.normalise(rest.span, into: &normal) else { return nil }
      return Array("*.".utf8) + normal
    }
    return HostName.normalise(bytes.span, into: &normal) ? normal : nil
  }
}
