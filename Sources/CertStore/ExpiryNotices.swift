/// How near its end a certificate is.
package enum ExpiryThreshold: Int, Sendable, Comparable, CaseIterable {
  case days21, days14, days7, expired

  /// Seconds before the end.
  private var seconds: Int64 {
    switch self {
    case .days21: 21 * 86_400
    case .days14: 14 * 86_400
    case .days7: 7 * 86_400
    case .expired: 0
    }
  }

  /// The last one that was crossed, `nil` where the end is far; both are seconds since 1970.
  package static func crossed(notAfter: Int64, now: Int64) -> ExpiryThreshold? {
    let (left, overflow) = notAfter.subtractingReportingOverflow(now)
    guard !overflow else { return notAfter < now ? .expired : nil }
    return allCases.last { $0 == .expired ? left < 0 : left <= $0.seconds }
  }

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A served certificate that has come nearer to its end.
package struct ExpiryNotice: Sendable, Equatable {
  package let source: String
  package let serial: String
  package let names: [String]
  package let threshold: ExpiryThreshold
  /// Seconds since 1970.
  package let notAfter: Int64
}

/// Tells each crossing of a threshold once.
package struct ExpiryNotices: Sendable {
  private struct Subject: Hashable, Sendable {
    let serial: String
    let notAfter: Int64
    let names: [String]
  }

  private var told: [Subject: ExpiryThreshold] = [:]

  package init() {}

  /// What has been crossed since the last call; a certificate that is no longer served is forgotten.
  package mutating func due(in index: CertificateIndex, now: Int64) -> [ExpiryNotice] {
    var next: [Subject: ExpiryThreshold] = [:]
    var notices: [ExpiryNotice] = []
    for entry in index.entries {
      for certificate in entry.certificates {
        guard
          let threshold = ExpiryThreshold.crossed(notAfter: certificate.notAfter, now: now)
        else { continue }
        let subject = Subject(
          serial: certificate.serial, notAfter: certificate.notAfter, names: certificate.names)
        // A clock that is set back does not tell it again.
        let before = told[subject]
        next[subject] = max(threshold, before ?? threshold)
        guard before.map({ $0 < threshold }) ?? true else { continue }
        notices.append(
          ExpiryNotice(
            source: entry.source, serial: certificate.serial, names: certificate.names,
            threshold: threshold, notAfter: certificate.notAfter))
      }
    }
    told = next
    return notices
  }
}
