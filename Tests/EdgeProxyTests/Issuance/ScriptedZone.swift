import DNS
import DNSCore
import EventLoop
import TestSupport

/// A primary of one zone, and of aliases, written in the test: it takes signed updates and says what it has.
final class ScriptedZone {
  let zone: DNSName
  let key: TSIGKey
  var aliases: [DNSName: DNSName] = [:]
  var content: [DNSName: Set<DNSRecord.Data>] = [:]
  /// The changes of each update, in order.
  private(set) var updates: [[DNSRecord]] = []
  /// What updates are answered with.
  var code = DNSCode.noError
  private(set) var server: ScriptedNameServer?

  init(_ zone: DNSName, _ key: TSIGKey, on loop: EventLoop) throws {
    self.zone = zone
    self.key = key
    server = try ScriptedNameServer(on: loop) { [unowned self] message, _ in [answer(message)] }
  }

  var address: SocketAddress? { server?.address }

  var texts: [DNSName: Set<[UInt8]>] {
    content.mapValues { data in
      Set(data.compactMap { DNSRecord(name: .root, seconds: 0, data: $0).text })
    }
  }

  func end() { server?.end() }

  private func answer(_ bytes: [UInt8]) -> [UInt8] {
    guard let message = try? DNSMessage(decoding: bytes), let question = message.questions.first
    else { return [] }
    if message.operation == .update { return update(bytes) }
    var records: [DNSRecord] = []
    var name = question.name
    // Fewer than a reader takes: it has to ask again.
    for _ in 0..<3 {
      guard let next = aliases[name] else { break }
      records.append(DNSRecord(name: name, seconds: 60, data: .alias(next)))
      name = next
    }
    guard name.isWithin(zone) else {
      // Where an alias leads away, there is nothing to say of the place.
      return NameServerAnswers.answer(to: bytes, records.isEmpty ? .refused : .noError, records)
    }
    let known = content[name, default: []].map { DNSRecord(name: name, seconds: 60, data: $0) }
    let asked = known.filter { $0.type == question.type }
    records += asked
    let authority = asked.isEmpty ? [NameServerAnswers.authority(of: zone)] : []
    return NameServerAnswers.answer(
      to: bytes, records.isEmpty && known.isEmpty ? .noSuchName : .noError, records,
      authorities: authority)
  }

  private func update(_ bytes: [UInt8]) -> [UInt8] {
    guard let message = try? TSIG.verify(bytes, key, request: nil, at: WallTime.seconds) else {
      return NameServerAnswers.answer(to: bytes, .notAuthorized)
    }
    if code == .noError {
      updates.append(message.authorities)
      for record in message.authorities { change(record) }
    }
    return NameServerAnswers.signed(to: bytes, code, key, at: WallTime.seconds)
  }

  private func change(_ record: DNSRecord) {
    if record.domain == .internet {
      content[record.name, default: []].insert(record.data)
    } else {
      content[record.name]?.remove(record.data)
    }
  }
}
