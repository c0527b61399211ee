internal import HTTPCore

/// What a node speaks that the configuration takes for something else.
enum WrongProtocol: Equatable, Sendable {
  case http, uwsgi, tls

  /// What was seen, and what to do.
  var advice: String {
    switch self {
    case .http: "it answers in HTTP; set protocol: http"
    case .uwsgi: "it is a uwsgi socket; set protocol: uwsgi"
    case .tls: "it answers in TLS; set protocol: https"
    }
  }

  /// Of an answer to HTTP that is none: a TLS server says with an alert that it did not understand,
  /// RFC 8446 §5.1 and §6.
  init?(answer: borrowing Span<UInt8>) {
    guard answer.count >= 2, answer[0] == 0x15, answer[1] == 3 else { return nil }
    self = .tls
  }

  /// Of the first answer of a node over uwsgi: an HTTP server refuses the packet and closes.
  ///
  /// An application may answer so too, but hardly as its first answer: `Connection` is not for
  /// applications (PEP 3333).
  init?(refusal: borrowing ResponseHead) {
    guard [400, 501, 505].contains(refusal.status), refusal.saysClose else { return nil }
    self = .http
  }
}
