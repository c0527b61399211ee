internal import Configuration
internal import FoundationEssentials

/// What a server says about the certificates that are ordered: the answer to `GET /acme`.
///
/// Times are in seconds since 1970. Members that a later server adds are passed over.
struct AcmeReport: Decodable, Equatable {
  /// The server that orders; `nil` where none is known.
  var holder: String?
  /// Whether it is the one that answers.
  var isHere: Bool
  /// Why nothing is ordered now; `nil` where nothing is in the way.
  var reason: String?
  var accounts: [Account]
  /// What the last command about accounts came to.
  var accountOutcome: Outcome?
  var refusedRecords: [RefusedRecord]
  var certificates: [Entry]

  struct Account: Decodable, Equatable {
    var issuer: String
    var url: String?
  }

  /// What the last command came to.
  struct Outcome: Decodable, Equatable {
    var request: String
    var done: Bool
    var text: String
  }

  /// What lies in etcd or on disk and cannot be read.
  struct RefusedRecord: Decodable, Equatable {
    var record: String
    var reason: String
  }

  struct Entry: Decodable, Equatable {
    var name: String
    var names: [String]
    /// `ecdsa` or `rsa`.
    var key: String
    var state: State
    /// Who gave the one that is served, or is asked for the next.
    var issuer: String?
    /// `nil` where there is none.
    var expires: Int64?
    /// When the next step comes.
    var next: Int64?
    var why: String?
    /// How many in a row have failed.
    var attempts: Int
    var lastFailure: Failure?
    var outcome: Outcome?

    private enum CodingKeys: String, CodingKey {
      case name, names, key, state, issuer, expires, next, why, attempts, outcome
      case lastFailure = "last_failure"
    }
  }

  enum State: Equatable {
    case served, due, ordering, waiting
    /// A word of a later server.
    case other(String)
  }

  struct Failure: Decodable, Equatable {
    var at: Int64
    var issuer: String?
    var problem: String
  }

  private enum CodingKeys: String, CodingKey {
    case holder, reason, accounts, certificates
    case isHere = "issues_here"
    case accountOutcome = "account_outcome"
    case refusedRecords = "refused_records"
  }

  /// An order has failed and none has succeeded since then, or none can be made.
  var hasFailed: Bool {
    reason != nil || !refusedRecords.isEmpty || certificates.contains { $0.attempts > 0 }
  }
}

extension AcmeReport {
  struct Unreadable: Error, CustomStringConvertible {
    let description = "what the server says about its certificates cannot be read"
  }

  init(json text: String) throws {
    guard let report = try? JSONDecoder().decode(AcmeReport.self, from: Data(text.utf8)) else {
      throw Unreadable()
    }
    self = report
  }
}

extension AcmeReport.State: Decodable {
  init(from decoder: any Decoder) throws {
    switch try decoder.singleValueContainer().decode(String.self) {
    case "served": self = .served
    case "due": self = .due
    case "ordering": self = .ordering
    case "waiting": self = .waiting
    case let word: self = .other(word)
    }
  }
}
