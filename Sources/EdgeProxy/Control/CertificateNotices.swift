internal import Calendar
internal import CertStore
internal import Logging

/// Tells in the log what becomes of the certificates, each thing once.
struct CertificateNotices {
  private struct Served: Hashable {
    let source: String
    let serial: String
  }

  private let logger: Logger
  /// What the log says is served.
  private var served: Set<Served> = []
  /// What it says is not, and why.
  private var idle: Set<String> = []
  private var uncoveredDefault: String?
  /// The refusals that the log has.
  private var refused: Set<CertStore.Refusal> = []
  /// When pairs were first found that may be half-written, in seconds since 1970.
  private var halves: [CertStore.Refusal: Int64] = [:]
  private var expiry = ExpiryNotices()

  /// Lines of one kind for one reading; otherwise ten thousand certificates, or a client of etcd, could
  /// fill the log.
  private static let linesMax = 50
  /// So many seconds a tool may take from the first file of a pair to the last.
  private static let halfSeconds: Int64 = 3

  init(_ logger: Logger) { self.logger = logger }

  /// Tells what is served that was not before: of a thousand certificates one changes at a time.
  mutating func served(_ index: CertificateIndex) {
    var now: Set<Served> = []
    var news: [CertificateIndex.Served] = []
    for one in index.served {
      let current = Served(source: one.source, serial: one.certificate.serial)
      now.insert(current)
      if !served.contains(current) { news.append(one) }
    }
    served = now
    for one in news.prefix(Self.linesMax) { tell(one) }
    if news.count > Self.linesMax {
      logger.notice(
        "more certificates served",
        metadata: ["count": "\(news.count - Self.linesMax)", "see": "edgeproxy status"])
    }
    tellRest(index)
  }

  private func tell(_ served: CertificateIndex.Served) {
    logger.notice(
      "certificate served",
      metadata: [
        "source": "\(served.source)", "names": "\(served.nameTexts.joined(separator: " "))",
        "serial": "\(served.certificate.serial)",
      ])
    for warning in served.certificate.warnings {
      logger.warning(
        "certificate served, with a warning",
        metadata: ["source": "\(served.source)", "warning": "\(warning)"])
    }
  }

  private mutating func tellRest(_ index: CertificateIndex) {
    for source in index.idle.filter({ !idle.contains($0) }).prefix(Self.linesMax) {
      logger.notice(
        "certificate not served: others, newer or of an exact name, answer for all its names",
        metadata: ["source": "\(source)"])
    }
    idle = Set(index.idle)
    if let name = index.uncoveredDefault, name != uncoveredDefault {
      logger.warning(
        "no certificate covers 'certificates.default'; clients that name no server get another",
        metadata: ["name": "\(name)"])
    }
    uncoveredDefault = index.uncoveredDefault
  }

  /// Tells what is refused that was not before; called again as time passes, in seconds since 1970.
  ///
  /// A tool writes one file of a pair after the other, so that for a moment they do not fit: that is no
  /// news before the moment is over.
  mutating func refused(_ refusals: [CertStore.Refusal], now: Int64) {
    let all = Set(refusals)
    halves = halves.filter { all.contains($0.key) }
    var news: [CertStore.Refusal] = []
    for refusal in refusals where !refused.contains(refusal) {
      if refusal.mayBeHalfWritten {
        // A clock that was set back begins anew.
        let since = min(halves[refusal] ?? now, now)
        halves[refusal] = since
        guard now - since >= Self.halfSeconds else { continue }
      }
      news.append(refusal)
    }
    refused = refused.intersection(all).union(news)
    for refusal in news.prefix(Self.linesMax) { tell(refusal) }
    guard news.count > Self.linesMax else { return }
    logger.error(
      "more certificates refused",
      metadata: ["count": "\(news.count - Self.linesMax)", "see": "edgeproxy status"])
  }

  /// Tells of one that there is no doubt about.
  func tell(_ refusal: CertStore.Refusal) {
    guard refusal.mayBeHalfWritten else {
      logger.error(
        "certificate refused",
        metadata: ["source": "\(refusal.source)", "reason": "\(refusal.reason)"])
      return
    }
    logger.warning(
      "certificate refused",
      metadata: [
        "source": "\(refusal.source)", "reason": "\(refusal.reason)",
        "advice":
          "the pair from before goes on; put the chain and the private key of one renewal there",
      ])
  }

  /// Warns of certificates that come near their end.
  mutating func ends(_ index: CertificateIndex, now: Int64) {
    let notices = expiry.due(in: index, now: now)
    for notice in notices.prefix(Self.linesMax) {
      logger.warning(
        notice.threshold == .expired
          ? "certificate has expired and was not replaced"
          : "certificate expires soon and was not replaced",
        metadata: [
          "source": "\(notice.source)",
          "names": "\(notice.certificate.names.joined(separator: " "))",
          "serial": "\(notice.certificate.serial)",
          "until": "\(UTC.text(notice.certificate.notAfter))\(notice.certificate.endRemark)",
          "advice": "look whether it was renewed, and whether the hook of the renewal failed",
        ])
    }
    if notices.count > Self.linesMax {
      logger.warning(
        "more certificates expire soon or have expired",
        metadata: [
          "count": "\(notices.count - Self.linesMax)", "see": "edgeproxy status",
        ])
    }
  }
}
