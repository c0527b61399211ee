internal import HTTPCore
package import TLS

/// One or two certificates, of different kinds of key, that answer together for some names.
package final class CertificateEntry: CertificateSet {
  package let certificates: [Certificate]
  /// What they answer for, normalised, with `*.` first for a wildcard.
  package let names: [[UInt8]]
  /// Where they were read: paths, or keys of etcd.
  package let sources: [String]
  /// The names that each of them is valid for.
  private let common: [[UInt8]]

  init(_ items: [EntryBuilder.Item], names: [[UInt8]]) {
    let items = items.sorted { $0.source < $1.source }
    certificates = items.map(\.certificate)
    sources = items.map(\.source)
    self.names = names
    let coverages = items.map { Coverage([$0]) }
    var common: [[UInt8]] = []
    for name in items.flatMap(\.names) where !common.contains(name) {
      if coverages.allSatisfy({ $0.covers(name) }) { common.append(name) }
    }
    self.common = common
  }

  package var source: String { sources.joined(separator: ", ") }

  /// The order of entries: by source, and then by name.
  func precedes(_ other: CertificateEntry) -> Bool {
    if sources != other.sources { return sources.lexicographicallyPrecedes(other.sources) }
    return names.lexicographicallyPrecedes(other.names) { $0.lexicographicallyPrecedes($1) }
  }

  /// Whether the certificates are valid for a normalised host name, RFC 9525 §6.3.
  package func covers(_ host: borrowing Span<UInt8>) -> Bool {
    for name in common where Self.matches(name, host) { return true }
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
  /// Served when a client names no server; there is one as long as there is any certificate.
  package let fallback: Int?
  /// The configured name of the certificate for such clients, where nothing covers it.
  package let uncoveredDefault: String?
  /// Each certificate that answers for a name, once, in the order of the sources.
  package let served: [Served]
  /// The sources of those for all of whose names newer ones answer.
  package let idle: [String]
  private let table: NameTable<Int>
  private let members: Set<ObjectIdentifier>

  /// A certificate that answers, and for which names.
  package struct Served: Sendable {
    package let certificate: Certificate
    package let source: String
    package let names: [[UInt8]]

    package var nameTexts: [String] { names.map { String(decoding: $0, as: UTF8.self) } }
  }

  package static let empty = CertificateIndex([], defaultName: nil, now: 0)

  /// `EntryBuilder` says which of `items` answers for a name; `now` is in seconds since 1970.
  ///
  /// Entries that say what those of `previous` say are the same, by which workers know what they have.
  init(
    _ items: [EntryBuilder.Item], defaultName: String?, now: Int64,
    previous: [CertificateEntry] = []
  ) {
    let entries = Self.keeping(previous, EntryBuilder.entries(items, now: now))
    self.entries = entries
    members = Set(entries.map { ObjectIdentifier($0) })
    let table = NameTable(
      entries.indices.flatMap { number in entries[number].names.map { ($0, number) } })
    self.table = table
    served = Self.served(entries)
    let sources = Set(served.map(\.source))
    idle = items.map(\.source).filter { !sources.contains($0) }.sorted()
    let named = defaultName.flatMap { Self.find($0, in: table) }
    uncoveredDefault = named == nil ? defaultName : nil
    let valid = entries.firstIndex { $0.certificates.contains { $0.notAfter >= now } }
    fallback = named ?? valid ?? entries.indices.first
  }

  private static func keeping(
    _ previous: [CertificateEntry], _ entries: [CertificateEntry]
  ) -> [CertificateEntry] {
    let old = Dictionary(grouping: previous, by: \.sources)
    return entries.map { entry in
      old[entry.sources]?.first {
        $0.names == entry.names && $0.certificates == entry.certificates
      } ?? entry
    }
  }

  private static func find(_ name: String, in table: NameTable<Int>) -> Int? {
    var normal: [UInt8] = []
    let text = Array(name.utf8)
    return HostName.normalise(text.span, into: &normal) ? table.lookup(normal.span) : nil
  }

  private static func served(_ entries: [CertificateEntry]) -> [Served] {
    var found: [String: Served] = [:]
    for entry in entries {
      for (certificate, source) in zip(entry.certificates, entry.sources) {
        let names = (found[source]?.names ?? []) + entry.names
        found[source] = Served(certificate: certificate, source: source, names: names)
      }
    }
    return found.values.sorted { $0.source < $1.source }
  }

  /// A name of a certificate for which another one answers.
  package struct Rival: Sendable, Equatable {
    package let name: String
    package let source: String
    /// The other one has the very name, and the certificate a wildcard.
    package let isExact: Bool
  }

  /// The names that a certificate covers and for which others answer.
  package func rivals(of certificate: Certificate) -> [Rival] {
    let own = Set(certificate.names.compactMap { CertificateName.normalise($0) })
    var rivals: [Rival] = []
    for entry in entries where !entry.certificates.contains(certificate) {
      for name in entry.names {
        let isExact = !own.contains(name)
        if isExact {
          guard let wildcard = Coverage.wildcard(over: name), own.contains(wildcard) else {
            continue
          }
        }
        let text = String(decoding: name, as: UTF8.self)
        rivals.append(Rival(name: text, source: entry.source, isExact: isExact))
      }
    }
    return rivals
  }

  package var isEmpty: Bool { entries.isEmpty }

  /// Whether this very entry is one of those here.
  package func contains(_ entry: AnyObject) -> Bool { members.contains(ObjectIdentifier(entry)) }

  /// The entry for a normalised name.
  package func lookup(_ name: borrowing Span<UInt8>) -> Int? { table.lookup(name) }

  /// Whether every client gets the same certificates from both.
  func answers(as other: CertificateIndex) -> Bool {
    fallback == other.fallback && entries.count == other.entries.count
      && zip(entries, other.entries).allSatisfy { mine, others in
        mine.names == others.names && mine.certificates == others.certificates
      }
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
