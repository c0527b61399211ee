internal import DNSCore
internal import FoundationEssentials
internal import HTTPCore

/// What ClouDNS is asked over HTTP, and what its answers say: https://www.cloudns.net/wiki/article/41.
///
/// Every answer has status 200; `{"status": "Failed", "statusDescription": …}` is a refusal.
enum CloudnsAPI {
  /// One call, without what says who asks.
  struct Call: Equatable {
    /// Below the URL of the API.
    let path: String
    let parameters: [(name: String, value: String)]

    init(_ method: String, _ parameters: KeyValuePairs<String, String>) {
      path = "/dns/\(method).json"
      self.parameters = parameters.map { ($0.key, $0.value) }
    }

    static func == (left: Call, right: Call) -> Bool {
      left.path == right.path && left.form == right.form
    }

    /// As `application/x-www-form-urlencoded`.
    var form: String { CloudnsAPI.form(parameters) }
  }

  /// A record, as the list has it.
  struct Record: Equatable {
    let id: String
    let type: String
    /// Relative to the zone; empty for the zone itself.
    let host: String
    let value: String
    /// One that is not is kept, and not answered.
    let isActive: Bool
    /// Whether ClouDNS checks its address.
    let hasCheck: Bool
  }

  enum Fault: Error, Equatable, CustomStringConvertible {
    /// In the words of ClouDNS.
    case refused(String)
    case malformed(String)

    var description: String {
      switch self {
      case .refused(let text): "ClouDNS refuses: \(text)"
      case .malformed(let text): "the answer of ClouDNS is not understood: \(text)"
      }
    }
  }

  /// What the body of an answer may measure, in bytes: some 25,000 records.
  static let bodyMax = 4 << 20
  /// Of a text that ClouDNS says, in bytes.
  static let textBytesMax = 300

  // MARK: Calls

  /// All records of one type; of one host where it is named.
  ///
  /// The zone itself has the empty host, by which the API does not choose.
  static func records(of type: DNSType, host: String? = nil, in zone: DNSName) -> Call {
    guard let host, !host.isEmpty else {
      return Call("records", ["domain-name": "\(zone)", "type": "\(type)"])
    }
    return Call("records", ["domain-name": "\(zone)", "host": host, "type": "\(type)"])
  }

  static func add(
    _ value: String, of type: DNSType, host: String, in zone: DNSName, seconds: UInt32
  ) -> Call {
    Call(
      "add-record",
      [
        "domain-name": "\(zone)", "record-type": "\(type)", "host": host, "record": value,
        "ttl": "\(seconds)",
      ])
  }

  static func delete(_ id: String, in zone: DNSName) -> Call {
    Call("delete-record", ["domain-name": "\(zone)", "record-id": id])
  }

  static func activate(_ id: String, in zone: DNSName) -> Call {
    Call(
      "change-record-status", ["domain-name": "\(zone)", "record-id": id, "status": "1"])
  }

  /// Which servers of ClouDNS have the newest zone.
  static func updateStatus(of zone: DNSName) -> Call {
    Call("update-status", ["domain-name": "\(zone)"])
  }

  /// Has ClouDNS connect to the address of a record once a minute.
  ///
  /// The record is not answered while that fails. Nobody is sent mail.
  static func check(_ id: String, of address: String, port: UInt16, in zone: DNSName) -> Call {
    Call(
      "failover-activate",
      [
        // TCP; both handlers change the record itself.
        "domain-name": "\(zone)", "record-id": id, "check_type": "8", "port": "\(port)",
        "open_port": "1", "down_event_handler": "1", "up_event_handler": "1",
        "main_ip": address, "check_period": "60", "notification_mail": "-1",
      ])
  }

  /// The name as ClouDNS has it, relative to the zone; `nil` where it is not in there.
  static func host(of name: DNSName, in zone: DNSName) -> String? {
    guard name.isWithin(zone) else { return nil }
    let labels = name.lowercased.labels
    let own = labels.dropLast(zone.labels.count)
    guard !own.isEmpty else { return "" }
    return DNSName(labels: own).map { "\($0)" }
  }

  /// Letters, digits and `-._~` stay what they are, RFC 3986 §2.3.
  static func form(_ parameters: [(name: String, value: String)]) -> String {
    parameters.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
  }

  private static func encoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return encoded
  }

  // MARK: Answers

  /// Throws where a change was refused.
  static func outcome(_ body: [UInt8]) throws(Fault) {
    let outcome = try read(Outcome.self, body)
    guard outcome.status?.text == "Success" else {
      throw .malformed("neither 'Success' nor 'Failed'")
    }
  }

  /// Records by their identifiers; `[]` where there is none.
  static func records(_ body: [UInt8]) throws(Fault) -> [Record] {
    let lines = try read(Lines.self, body).lines
    return lines.map { line in
      Record(
        id: line.id.text, type: line.type.uppercased(), host: line.host.lowercased(),
        value: line.type.uppercased() == "TXT" ? unquoted(line.record) : line.record,
        isActive: line.status?.text != "0", hasCheck: line.failover?.text == "1")
    }
  }

  /// Whether all servers of ClouDNS have the newest zone.
  static func isUpdated(_ body: [UInt8]) throws(Fault) -> Bool {
    try read([Server].self, body).allSatisfy(\.updated)
  }

  private static func unquoted(_ text: String) -> String {
    guard text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
    return String(text.dropFirst().dropLast())
  }

  /// Refusals are looked for first: they may stand in the place of any answer.
  private static func read<Value: Decodable>(
    _ type: Value.Type, _ body: [UInt8]
  ) throws(Fault) -> Value {
    let data = Data(body)
    let decoder = JSONDecoder()
    if let outcome = try? decoder.decode(Outcome.self, from: data),
      outcome.status?.text == "Failed"
    {
      throw .refused(printable(outcome.statusDescription?.text ?? "it does not say why"))
    }
    do {
      return try decoder.decode(type, from: data)
    } catch {
      throw .malformed(fault(error))
    }
  }

  private static func fault(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): printable("'\(key.stringValue)' is missing")
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      printable("'\(path(context))' has a value of another type")
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      printable("'\(path(context))': \(context.debugDescription)")
    default: "no JSON"
    }
  }

  private static func path(_ context: DecodingError.Context) -> String {
    context.codingPath.map(\.stringValue).joined(separator: ".")
  }

  /// On one line, within bounds.
  private static func printable(_ text: String) -> String {
    let shown = text.unicodeScalars.lazy.map { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: " " as Unicode.Scalar
      default: scalar
      }
    }
    return String(String.UnicodeScalarView(shown.prefix(textBytesMax)))
  }
}

// MARK: Documents

extension CloudnsAPI {
  /// A text, or a number in its place: the API has both for the same thing.
  fileprivate struct Text: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Int.self) {
        text = "\(number)"
      } else {
        text = try container.decode(String.self)
      }
    }
  }

  fileprivate struct Outcome: Decodable {
    let status: Text?
    let statusDescription: Text?
  }

  fileprivate struct Server: Decodable {
    let updated: Bool
  }

  fileprivate struct Line: Decodable {
    let id: Text
    let type: String
    let host: String
    let record: String
    let status: Text?
    let failover: Text?
  }

  fileprivate struct Lines: Decodable {
    let lines: [Line]

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let none = try? container.decode([Line].self) {
        lines = none
      } else {
        lines = Array(try container.decode([String: Line].self).values)
      }
    }
  }
}
