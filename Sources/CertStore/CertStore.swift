internal import EventLoop
internal import HTTPCore
internal import TLS

/// The certificates that are served, kept in step with where they come from.
///
/// A bad pair is refused with its reason while the good one that came from the same place before
/// goes on, and the last certificates of all are never taken away.
///
/// An expired certificate is refused at the start, and as a replacement: the port is bound only
/// with a valid one, because a browser goes from a closed port to the next server, and from a
/// warning page nowhere. One that expires while it is served goes on: its whole fleet has the same
/// one, so closing would leave no server at all, and who ignores the warning is still served.
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
  /// When the next of the refused certificates becomes valid, in seconds since 1970; loading again
  /// then takes it.
  package private(set) var nextValidAt: Int64?

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
    nextValidAt = nil
    let found: [CertificateDirectory.Pair]
    var kept: Set<String> = []
    do throws(SystemError) {
      let scan = try directory.scan()
      found = scan.pairs
      for item in scan.unreadable {
        kept.insert(item.source)
        refusals.append(Refusal(source: item.path, reason: "\(item.error)"))
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
        kept.insert(pair.source)
        refusals.append(Refusal(source: pair.source, reason: "\(error)"))
        if case .notYetValid(let from) = error { nextValidAt = min(from, nextValidAt ?? from) }
      }
    }
    for source in kept { if let old = good[source] { next[source] = old } }
    if next.isEmpty, !good.isEmpty {
      refusals.append(
        Refusal(
          source: directory.path, reason: "no certificate is left in it; the last ones stay"))
      return false
    }
    let changed =
      next.count != good.count
      || next.contains { good[$0.key]?.certificate != $0.value.certificate }
    good = next
    if changed || index.isEmpty {
      let items = next.values.sorted { $0.source < $1.source }
      index = CertificateIndex(
        entries: EntryBuilder.entries(items), defaultName: defaultName)
    }
    return changed
  }

  private static func check(
    _ pair: CertificateDirectory.Pair, now: Int64
  ) throws(CertificateError) -> EntryBuilder.Item {
    let certificate = try Certificate(pem: pair.chain, keyPEM: pair.key)
    return try EntryBuilder.Item(certificate, source: pair.source, now: now)
  }
}
