internal import EventLoop
internal import TLS

/// The certificates that a directory has, and what is served of them.
///
/// A bad pair is refused with its reason while the good one that came from the same place before goes
/// on, and the last certificates of all are not taken away while nothing else covers their names. Nor is
/// one whose names a route serves: neither by its removal nor by a replacement that lacks them.
final class DirectoryCertificates {
  private let directory: CertificateDirectory
  private let tools: ParsingTools
  /// What each pair came to when its files were read last.
  private var known: [String: PairReading] = [:]
  private var good: [String: EntryBuilder.Item] = [:]
  private(set) var refusals: [CertStore.Refusal] = []
  /// How long the last judgement stays the same.
  private(set) var unchanged = UnchangedTime()
  /// Hosts that have routes, normalised; `*.` first for a wildcard.
  var routedHosts: [[UInt8]] = []

  init(_ directory: CertificateDirectory, _ tools: ParsingTools) {
    self.directory = directory
    self.tools = tools
  }

  var items: [EntryBuilder.Item] { Array(good.values) }

  /// Reads what has changed and judges everything by the time; `true` when other certificates are
  /// served than before.
  ///
  /// A directory that cannot be read leaves everything as it is: "empty" is never mistaken for
  /// "unreachable".
  func load(now: Int64, elsewhere: [EntryBuilder.Item]) -> Bool {
    directory.watch()
    refusals = []
    unchanged = UnchangedTime()
    for item in good.values { unchanged.consider(item.certificate, now: now) }
    do throws(SystemError) {
      known = try readChanged()
    } catch {
      refusals = [CertStore.Refusal(source: directory.path, reason: "\(error)")]
      return false
    }
    var kept: Set<String> = []
    var next: [String: EntryBuilder.Item] = [:]
    for (source, reading) in known.sorted(by: { $0.key < $1.key }) {
      switch reading.result {
      case .success(let certificate):
        unchanged.consider(certificate, now: now)
        do throws(CertificateError) {
          next[source] = try EntryBuilder.Item(certificate, source: source, now: now)
        } catch {
          kept.insert(source)
          refusals.append(CertStore.Refusal(source: source, reason: "\(error)"))
        }
      case .failure(let failure):
        kept.insert(source)
        refusals.append(
          CertStore.Refusal(
            source: failure.path, reason: failure.reason, mayBeHalfWritten: good[source] != nil))
      }
    }
    for source in kept { if let old = good[source] { next[source] = old } }
    if next.isEmpty { next = lastOnes(now: now, elsewhere: elsewhere) }
    keepRouted(in: &next, now: now, elsewhere: elsewhere)
    let isChanged =
      next.count != good.count
      || next.contains { good[$0.key]?.certificate != $0.value.certificate }
    good = next
    return isChanged
  }

  /// Puts back what a route needs and `next` lacks.
  private func keepRouted(
    in next: inout [String: EntryBuilder.Item], now: Int64, elsewhere: [EntryBuilder.Item]
  ) {
    let sources = good.keys.sorted().filter { source in
      guard let old = good[source], old.certificate.notAfter >= now else { return false }
      return next[source]?.certificate != old.certificate
    }
    guard !sources.isEmpty else { return }
    let replacements = sources.compactMap { source in
      good[source].map { RoutedNames.Replacement(old: $0, new: next[source]) }
    }
    var coverage = Coverage((next.values + elsewhere).filter { $0.certificate.notAfter >= now })
    for (number, name) in RoutedNames(routedHosts).uncovered(by: replacements, &coverage) {
      let source = sources[number]
      let host = KeyText.text(name)
      let reason =
        next[source] == nil
        ? "it is gone, and nothing else covers the routed host \(host)"
        : "it would leave the routed host \(host) without a certificate"
      refusals.append(
        CertStore.Refusal(
          source: source,
          reason: reason + "; the old one goes on until a restart: put one there that covers the"
            + " host, or take its route away"))
      next[source] = good[source]
    }
  }

  /// What all pairs come to now; files that look as they did are not read again.
  private func readChanged() throws(SystemError) -> [String: PairReading] {
    var next: [String: PairReading] = [:]
    var changed: [(place: CertificateDirectory.Place, old: PairReading?)] = []
    for place in try directory.places() {
      let old = known[place.source]
      if let old, old.isCertain(of: place) {
        next[place.source] = old
      } else {
        changed.append((place, old))
      }
    }
    let readings = SharedWork.map(changed, with: tools) { PairReading($0.place, old: $0.old, $1) }
    for ((place, _), reading) in zip(changed, readings) { next[place.source] = reading }
    return next
  }

  /// The certificates that are served although none is left in the directory, because nothing else
  /// covers their names.
  private func lastOnes(
    now: Int64, elsewhere: [EntryBuilder.Item]
  ) -> [String: EntryBuilder.Item] {
    let coverage = Coverage(elsewhere.filter { $0.certificate.notAfter >= now })
    let last = good.filter { !$0.value.names.allSatisfy(coverage.covers) }
    if !last.isEmpty {
      refusals.append(
        CertStore.Refusal(
          source: directory.path, reason: "no certificate is left in it; the last ones stay"))
    }
    return last
  }
}
