internal import EventLoop
internal import HTTPCore
internal import TLS

/// The certificates that are served, kept in step with where they come from.
///
/// A bad pair is refused with its reason while the good one that came from the same place before
/// goes on. An expired certificate is kept only as long as it was served already: then clients hear
/// of the expiry instead of a closed port; at the start it is refused.
package final class CertStore {
  /// What became of one source in the last load.
  package struct Refusal: Sendable, Equatable {
    package let source: String
    package let reason: String
  }

  private let directory: CertificateDirectory
  private let defaultName: String?
  private var good: [String: EntryBuilder.Item] = [:]
  package private(set) var index = CertificateIndex.empty
  package private(set) var refusals: [Refusal] = []

  package init(directory: CertificateDirectory, defaultName: String?) {
    self.directory = directory
    self.defaultName = defaultName
  }

  /// Reads everything again; `true` when the index has changed.
  ///
  /// A directory that cannot be read leaves everything as it is: "empty" is never mistaken for
  /// "unreachable".
  package func load(now: Int64) -> Bool {
    directory.watch()
    refusals = []
    let found: [CertificateDirectory.Pair]
    var kept: Set<String> = []
    do throws(SystemError) {
      let scan = try directory.scan()
      found = scan.pairs
      for (source, error) in scan.unreadable {
        refuse(source, "\(error)", &kept)
        refuse(source + "/fullchain.pem", nil, &kept)
      }
    } catch {
      refusals = [Refusal(source: directory.path, reason: "\(error)")]
      return false
    }
    var next: [String: EntryBuilder.Item] = [:]
    for pair in found {
      do throws(CertificateError) {
        next[pair.source] = try Self.check(pair, now: now)
      } catch {
        refuse(pair.source, "\(error)", &kept)
      }
    }
    for source in kept { if let old = good[source] { next[source] = old } }
    let changed =
      next.count != good.count || next.contains { good[$0.key]?.certificate != $0.value.certificate }
    good = next
    if changed || index.isEmpty {
      let items = next.values.sorted { $0.source < $1.source }
      index = CertificateIndex(
        entries: EntryBuilder.entries(items), defaultName: defaultName)
    }
    return changed
  }

  private func refuse(_ source: String, _ reason: String?, _ kept: inout Set<String>) {
    kept.insert(source)
    if let reason { refusals.append(Refusal(source: source, reason: reason)) }
  }

  private static func check(
    _ pair: CertificateDirectory.Pair, now: Int64
  ) throws(CertificateError) -> EntryBuilder.Item {
    let certificate = try Certificate(pem: pair.chain, keyPEM: pair.key)
    try certificate.check(now: now)
    var names: [[UInt8]] = []
    for name in certificate.names {
      guard let normal = CertificateName.normalise(name) else { throw .malformedName(name) }
      names.append(normal)
    }
    return EntryBuilder.Item(certificate: certificate, names: names, source: pair.source)
  }
}
