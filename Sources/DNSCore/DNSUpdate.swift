/// Changes of a zone, RFC 2136.
package enum DNSUpdate {
  /// One TXT record that is to be there or not; the others of its name stay.
  package enum Change: Sendable, Hashable {
    case add(DNSName, text: [UInt8], seconds: UInt32)
    case remove(DNSName, text: [UInt8])

    /// RFC 2136 §2.5.1 and §2.5.4.
    var record: DNSRecord {
      switch self {
      case .add(let name, let text, let seconds):
        DNSRecord(name: name, seconds: seconds, data: .text(text))
      case .remove(let name, let text):
        DNSRecord(name: name, domain: .none, seconds: 0, data: .text(text))
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
