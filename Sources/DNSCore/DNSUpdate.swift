/// Changes of a zone, RFC 2136.
package enum DNSUpdate {
  /// One record that is to be there or not; the others of its name and type stay.
  package enum Change: Sendable, Hashable {
    case add(DNSName, DNSRecord.Data, seconds: UInt32)
    case remove(DNSName, DNSRecord.Data)

    /// A TXT record that says `text`.
    package static func add(_ name: DNSName, text: [UInt8], seconds: UInt32) -> Change {
      .add(name, .text(text), seconds: seconds)
    }

    package static func remove(_ name: DNSName, text: [UInt8]) -> Change {
      .remove(name, .text(text))
    }

    /// RFC 2136 §2.5.1 and §2.5.4.
    var record: DNSRecord {
      switch self {
      case .add(let name, let data, let seconds):
        DNSRecord(name: name, seconds: seconds, data: data)
      case .remove(let name, let data):
        DNSRecord(name: name, domain: .none, seconds: 0, data: data)
      }
    }
  }

  /// All changes are made or none; one that changes nothing is no error.
  package static func message(id: UInt16, zone: DNSName, _ changes: [Change]) -> DNSMessage {
    var message = DNSMessage(id: id)
    message.operation = .update
    message.questions = [DNSQuestion(name: zone, type: .authority)]
    message.authorities = changes.map(\.record)
    return message
  }
}
