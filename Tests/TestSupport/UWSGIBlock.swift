/// A uwsgi packet read back by the rules of the protocol, independently of what wrote it.
package struct UWSGIBlock: Equatable {
  package struct Variable: Equatable, CustomStringConvertible {
    package let key: String
    package let value: String
    package var description: String { "\(key)=\(value)" }
  }

  package let modifier1: UInt8
  package let modifier2: UInt8
  package let variables: [Variable]
  /// What follows the block.
  package let body: [UInt8]

  /// `nil` where the sizes contradict the bytes.
  package init?(_ packet: [UInt8]) {
    guard packet.count >= 4 else { return nil }
    modifier1 = packet[0]
    modifier2 = packet[3]
    let end = 4 + Int(packet[1]) + Int(packet[2]) << 8
    guard end <= packet.count else { return nil }
    var place = 4
    func part() -> String? {
      guard place + 2 <= end else { return nil }
      let size = Int(packet[place]) + Int(packet[place + 1]) << 8
      guard place + 2 + size <= end else { return nil }
      defer { place += 2 + size }
      return text(packet.span.extracting((place + 2)..<(place + 2 + size)))
    }
    var found: [Variable] = []
    while place < end {
      guard let key = part(), let value = part() else { return nil }
      found.append(Variable(key: key, value: value))
    }
    variables = found
    body = Array(packet[end...])
  }

  /// The value of a key that must be there once.
  package subscript(_ key: String) -> String? {
    let found = variables.filter { $0.key == key }
    return found.count == 1 ? found[0].value : nil
  }
}
