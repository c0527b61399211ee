package import TLS

/// How near its end a certificate is: parts of its lifetime, and so many days at most.
///
/// A certificate of 90 days and one of 6 days have each a third of it left when its renewal is late. Of a
/// chain the one that ends first counts, with a lifetime of its own.
package enum ExpiryThreshold: Int, Sendable, Comparable, CaseIterable {
  /// A third of the lifetime is left, or 21 days.
  case third
  /// A sixth, or 14 days.
  case sixth
  /// A twelfth, or 7 days.
  case twelfth
  case expired

  /// How many days are left at most when it is crossed.
  package var daysMax: Int64 {
    switch self {
    case .third: 21
    case .sixth: 14
    case .twelfth: 7
    case .expired: 0
    }
  }

  private var part: Int64 {
    switch self {
    case .third: 3
    case .sixth: 6
    case .twelfth, .expired: 12
    }
  }

  /// The last one that a certificate has crossed at `now`, seconds since 1970; `nil` where its end is
  /// far.
  package static func crossed(_ certificate: Certificate, now: Int64) -> ExpiryThreshold? {
    crossed(from: certificate.endingSince, until: certificate.notAfter, now: now)
  }

  static func crossed(from: Int64, until: Int64, now: Int64) -> ExpiryThreshold? {
    let (left, overflow) = until.subtractingReportingOverflow(now)
    guard !overflow else { return until < now ? .expired : nil }
    let (lifetime, isEndless) = until.subtractingReportingOverflow(from)
    return allCases.last {
      guard $0 != .expired else { return left < 0 }
      let days = $0.daysMax * 86_400
      return left <= (isEndless ? days : min(days, max(0, lifetime) / $0.part))
    }
  }

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The time that is left to a certificate, for people.
package enum RemainingTime {
  /// Whole days, whole hours where it is less than a day, or minutes where it is less than an hour.
  package static func text(_ seconds: Int64) -> String {
    let (count, unit) =
      switch seconds {
      case 0..<3600: (seconds / 60, "minute")
      case 3600..<86_400: (seconds / 3600, "hour")
      default: (seconds / 86_400, "day")
      }
    return count == 1 ? "1 \(unit)" : "\(count) \(unit)s"
  }
}

/// A served certificate that has come nearer to its end.
package struct ExpiryNotice: Sendable, Equatable {
  package let source: String
  package let certificate: Certificate
  package let threshold: ExpiryThreshold
}

/// Tells each crossing of a threshold at once, and once a day what has not been replaced since.
package struct ExpiryNotices: Sendable {
  private struct Subject: Hashable, Sendable {
    let serial: String
    let notAfter: Int64
    let names: [String]
  }

  private struct Told: Sendable {
    var threshold: ExpiryThreshold
    /// Seconds since 1970.
    var at: Int64
  }

  private var told: [Subject: Told] = [:]

  /// Seconds after which the same is told again.
  private static let period: Int64 = 86_400

  package init() {}

  /// What is to be told now; a certificate that is no longer served is forgotten.
  package mutating func due(in index: CertificateIndex, now: Int64) -> [ExpiryNotice] {
    var next: [Subject: Told] = [:]
    var notices: [ExpiryNotice] = []
    for served in index.served {
      let certificate = served.certificate
      guard let threshold = ExpiryThreshold.crossed(certificate, now: now) else { continue }
      let subject = Subject(
        serial: certificate.serial, notAfter: certificate.notAfter, names: certificate.names)
      let before = told[subject]
      if let before, before.threshold >= threshold, !Self.isOver(before.at, now) {
        // A clock that is set back does not tell it again.
        next[subject] = Told(threshold: before.threshold, at: min(before.at, now))
        continue
      }
      next[subject] = Told(threshold: max(threshold, before?.threshold ?? threshold), at: now)
      notices.append(
        ExpiryNotice(source: served.source, certificate: certificate, threshold: threshold))
    }
    told = next
    return notices
  }

  private static func isOver(_ at: Int64, _ now: Int64) -> Bool {
    let (passed, overflow) = now.subtractingReportingOverflow(at)
    return overflow ? now > at : passed >= period
  }
}
