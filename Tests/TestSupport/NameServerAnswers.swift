package import DNSCore

/// What name servers say, made of what they were asked.
package enum NameServerAnswers {
  /// An answer with records, of a server that has the zone.
  package static func answer(
    to message: [UInt8], _ code: DNSCode = .noError, _ records: [DNSRecord] = [],
    authorities: [DNSRecord] = [], isTruncated: Bool = false
  ) -> [UInt8] {
    guard var answer = try? DNSMessage(decoding: message) else { return [] }
    answer.isAnswer = true
    answer.isAuthoritative = true
    answer.isTruncated = isTruncated
    answer.code = code
    answer.answers = records
    answer.authorities = authorities
    answer.additionals = []
    return (try? answer.encoded()) ?? []
  }

  /// A signed answer to a signed update.
  package static func signed(
    to message: [UInt8], _ code: DNSCode = .noError, _ key: TSIGKey, at seconds: Int64
  ) -> [UInt8] {
    guard let request = try? DNSMessage(decoding: message),
      let answer = try? DNSMessage(decoding: answer(to: message, code))
    else { return [] }
    let signed = try? TSIG.sign(answer, key, at: seconds, request: self.code(of: request))
    return signed?.bytes ?? []
  }

  /// The code of a message's signature: behind a name, 6 bytes of time, 2 of fudge and 2 of its length.
  package static func code(of message: DNSMessage) -> [UInt8] {
    guard case .other(.signature, let content) = message.additionals.last?.data else { return [] }
    guard let end = content.firstIndex(of: 0) else { return [] }
    let size = content.dropFirst(end + 9).prefix(2).reduce(0) { $0 << 8 | Int($1) }
    return Array(content.dropFirst(end + 11).prefix(size))
  }

  /// What a zone says of itself.
  package static func authority(of zone: DNSName) -> DNSRecord {
    DNSRecord(
      name: zone, seconds: 60,
      data: .authority(
        DNSAuthority(
          primary: zone, mailbox: zone, serial: 1, refresh: 60, retry: 60, expire: 60, minimum: 60))
    )
  }
}
