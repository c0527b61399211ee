internal import Calendar
internal import CertStore
internal import TLS

/// The certificates that are served, and those that were refused.
struct CertificatesSection {
  var served: [CertificateIndex.Served]
  var refusals: [CertStore.Refusal]
  /// Why the copy on disk is not what is served; `nil` while it is.
  var copyFailure: String?
  /// The name of 'certificates.default' where no certificate covers it.
  var uncoveredDefault: String?
  /// Why changes in the directory are noticed late; `nil` while they are not.
  var watchFailure: String?
  /// How long a reading has taken, where that is worth a line.
  var silence: Duration?
  /// Seconds since 1970.
  var now: Int64

  var section: StatusSection {
    StatusSection(
      name: "certificates",
      value: [
        "served": .list(served.map(value)),
        "refused": .list(
          refusals.map { ["source": .text($0.source), "reason": .text($0.reason)] }),
        "copy_failure": copyFailure.map { .text($0) } ?? .nothing,
      ],
      text: [
        .table(
          "certificates", columns: ["NAMES", "KEY", "UNTIL", "DAYS", "SOURCE"],
          rows: served.map(row)),
        .table(
          "refused certificates", columns: ["SOURCE", "REASON"],
          rows: refusals.map { [$0.source, $0.reason] }),
      ],
      metrics: metrics, warnings: warnings)
  }

  private var warnings: [String] {
    let ofServed = served.flatMap { served in
      let what = "certificate '\(served.source)' for \(served.nameTexts.joined(separator: " "))"
      return ([end(served)] + served.certificate.warnings.map { ": \($0)" })
        .compactMap { $0 }.map { what + $0 }
    }
    let ofDefault = uncoveredDefault.map {
      "no certificate covers '\($0)', the 'certificates.default': clients that name no server get"
        + " another"
    }
    let ofCopy = copyFailure.map { "the copy of the certificates was not written: \($0)" }
    let refused = refusals.map { "'\($0.source)' is refused: \($0.reason)" }
    return ofServed + refused + [ofDefault, ofCopy].compactMap { $0 } + slowness
  }

  private var slowness: [String] {
    let watch = watchFailure.map {
      "changes in the certificate directory are noticed within seconds, and not at once: \($0); "
        + "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"
    }
    let reading = silence.map {
      "certificates have been read for \($0.components.seconds) s and nothing is heard of them; "
        + "does the disk with the certificate directory and the state answer?"
    }
    return [watch, reading].compactMap { $0 }
  }

  private func end(_ served: CertificateIndex.Served) -> String? {
    let certificate = served.certificate
    guard let threshold = ExpiryThreshold.crossed(certificate, now: now) else { return nil }
    guard threshold != .expired else { return " has expired\(certificate.endRemark)" }
    let left = RemainingTime.text(certificate.notAfter - now)
    return " expires in \(left)\(certificate.endRemark)"
  }

  private func value(_ served: CertificateIndex.Served) -> StatusValue {
    let certificate = served.certificate
    return [
      "source": .text(served.source), "names": .texts(served.nameTexts),
      "serial": .text(certificate.serial), "key": .text(Self.kind(certificate)),
      "not_before": .time(certificate.notBefore), "not_after": .time(certificate.notAfter),
      "days_left": .number(daysLeft(certificate)),
    ]
  }

  private func row(_ served: CertificateIndex.Served) -> [String] {
    let certificate = served.certificate
    return [
      served.nameTexts.joined(separator: " "), Self.kind(certificate),
      UTC.text(certificate.notAfter), "\(daysLeft(certificate))", served.source,
    ]
  }

  private var metrics: [Metric] {
    var ends = Metric.gauge(
      "certificate_not_after_seconds", "When a certificate ends, in seconds since 1970.")
    for served in served {
      ends.add(
        Int(served.certificate.notAfter), ("source", served.source),
        ("key", Self.kind(served.certificate)))
    }
    var near = Metric.gauge(
      "certificates_expiring",
      "Certificates served that end within so many days, and within a third, sixth or twelfth of"
        + " their lifetime.")
    for threshold in ExpiryThreshold.allCases {
      let count = served.count { served in
        ExpiryThreshold.crossed(served.certificate, now: now).map { $0 >= threshold } ?? false
      }
      near.add(count, ("days", "\(threshold.daysMax)"))
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

  private static func kind(_ certificate: Certificate) -> String {
    switch certificate.keyKind {
    case .ecdsa: "ecdsa"
    case .rsa: "rsa"
    }
  }
}
