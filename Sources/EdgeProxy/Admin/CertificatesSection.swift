internal import Calendar
internal import CertStore
internal import TLS

/// The certificates that are served, and those that were refused.
struct CertificatesSection {
  var entries: [CertificateEntry]
  var refusals: [CertStore.Refusal]
  /// Why the copy on disk is not what is served; `nil` while it is.
  var copyFailure: String?
  /// Seconds since 1970.
  var now: Int64

  var section: StatusSection {
    let served = entries.flatMap { entry in entry.certificates.map { (entry, $0) } }
    return StatusSection(
      name: "certificates",
      value: [
        "served": .list(served.map { value($0.0, $0.1) }),
        "refused": .list(
          refusals.map { ["source": .text($0.source), "reason": .text($0.reason)] }),
        "copy_failure": copyFailure.map { .text($0) } ?? .nothing,
      ],
      text: [
        .table(
          "certificates", columns: ["NAMES", "KEY", "UNTIL", "DAYS", "SOURCE"],
          rows: served.map { row($0.0, $0.1) }),
        .table(
          "refused certificates", columns: ["SOURCE", "REASON"],
          rows: refusals.map { [$0.source, $0.reason] }),
      ],
      metrics: metrics(served), warnings: warnings(served))
  }

  private func warnings(_ served: [(CertificateEntry, Certificate)]) -> [String] {
    let ends: [String] = served.compactMap { entry, certificate in
      let threshold = ExpiryThreshold.crossed(notAfter: certificate.notAfter, now: now)
      guard let threshold else { return nil }
      let days = daysLeft(certificate)
      let end =
        threshold == .expired
        ? "has expired" : "expires in \(days) \(days == 1 ? "day" : "days")"
      return "certificate '\(entry.source)' for \(Self.names(entry).joined(separator: " ")) \(end)"
    }
    let copy = copyFailure.map { ["the copy of the certificates was not written: \($0)"] } ?? []
    return ends + refusals.map { "'\($0.source)' is refused: \($0.reason)" } + copy
  }

  private func value(_ entry: CertificateEntry, _ certificate: Certificate) -> StatusValue {
    [
      "source": .text(entry.source), "names": .texts(Self.names(entry)),
      "serial": .text(certificate.serial), "key": .text(Self.kind(certificate)),
      "not_before": .time(certificate.notBefore), "not_after": .time(certificate.notAfter),
      "days_left": .number(daysLeft(certificate)),
    ]
  }

  private func row(_ entry: CertificateEntry, _ certificate: Certificate) -> [String] {
    [
      Self.names(entry).joined(separator: " "), Self.kind(certificate),
      UTC.text(certificate.notAfter), "\(daysLeft(certificate))", entry.source,
    ]
  }

  private func metrics(_ served: [(CertificateEntry, Certificate)]) -> [Metric] {
    var ends = Metric.gauge(
      "certificate_not_after_seconds", "When a certificate ends, in seconds since 1970.")
    for (entry, certificate) in served {
      ends.add(
        Int(certificate.notAfter), ("source", entry.source), ("key", Self.kind(certificate)))
    }
    var near = Metric.gauge(
      "certificates_expiring", "Certificates served that end within so many days.")
    let thresholds: [(ExpiryThreshold, String)] = [
      (.days21, "21"), (.days14, "14"), (.days7, "7"), (.expired, "0"),
    ]
    for (threshold, days) in thresholds {
      let count = served.count { _, certificate in
        ExpiryThreshold.crossed(notAfter: certificate.notAfter, now: now)
          .map { $0 >= threshold } ?? false
      }
      near.add(count, ("days", days))
    }
    return [
      ends, near,
      Metric.gauge("certificate_copy_failed", "Whether the copy on disk could not be written.")
        .adding(copyFailure == nil ? 0 : 1),
      Metric.gauge("certificates_refused", "Sources whose certificate is refused.")
        .adding(refusals.count),
    ]
  }

  /// Whole days; negative once it has ended.
  private func daysLeft(_ certificate: Certificate) -> Int {
    let seconds = certificate.notAfter - now
    return Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
  }

  private static func names(_ entry: CertificateEntry) -> [String] {
    entry.names.map { String(decoding: $0, as: UTF8.self) }
  }

  private static func kind(_ certificate: Certificate) -> String {
    switch certificate.keyKind {
    case .ecdsa: "ecdsa"
    case .rsa: "rsa"
    }
  }
}
