internal import Configuration
internal import HTTPCore

/// A server of the fleet, as it told what it is.
struct KnownServer: Sendable, Equatable {
  var node: String
  /// Its number among the name servers, from 1.
  var number: Int
  /// As clients know it.
  var addresses: [IPAddress]
  /// Its https port.
  var port: UInt16
}

extension KnownServer {
  /// The servers of a configuration without etcd: one list of addresses a server.
  ///
  /// `node` is the one that has an address of `own`; where none has, it comes last. The others are called by their
  /// first address.
  static func configured(
    _ lists: [[IPAddress]], node: String, own: [IPAddress], port: UInt16
  ) -> [KnownServer] {
    let mine = lists.firstIndex { $0.contains(where: own.contains) }
    var servers: [KnownServer] = []
    for (index, addresses) in lists.prefix(countMax).enumerated() {
      guard let first = addresses.first else { continue }
      let name = index == mine ? node : String(decoding: first.text, as: UTF8.self)
      servers.append(
        KnownServer(
          node: name, number: index + 1, addresses: Array(addresses.prefix(addressesMax)),
          port: port))
    }
    guard mine == nil else { return servers }
    return servers + [
      KnownServer(node: node, number: lists.count + 1, addresses: own, port: port)
    ]
  }
}

// MARK: As etcd has it

/// The value of the key `PREFIX dns/servers/NODE`:
///
///     1 number=3 port=443 address=192.0.2.7 address=2001:db8::7
///
/// The first number is the form's version. Words that a reader does not know are passed over.
extension KnownServer {
  /// Servers of a fleet; the others are not looked at.
  static let countMax = 300
  /// Addresses of one server.
  static let addressesMax = 8
  /// A number is that of a host name, ns1 and so on.
  static let numberMax = 9999
  private static let bytesMax = 1024

  var value: [UInt8] {
    let addresses = addresses.prefix(Self.addressesMax)
      .map { " address=" + String(decoding: $0.text, as: UTF8.self) }
    return Array("1 number=\(number) port=\(port)\(addresses.joined())".utf8)
  }

  /// An unknown client of etcd may have written it: `nil` for what is no server.
  init?(node: String, value: [UInt8]) {
    guard value.count <= Self.bytesMax else { return nil }
    let words = value.split(separator: UInt8(ascii: " "))
      .map { String(decoding: $0, as: UTF8.self) }
    guard words.first == "1" else { return nil }
    var number: Int?
    var port: UInt16?
    var addresses: [IPAddress] = []
    for word in words.dropFirst() {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      switch parts[0] {
      case "number": number = Number.parse(String(parts[1]))
      case "port": port = Number.parse(String(parts[1])).flatMap { UInt16(exactly: $0) }
      case "address":
        let text = Array(parts[1].utf8)
        guard let address = IPAddress(text.span) else { return nil }
        if !addresses.contains(address) { addresses.append(address) }
      default: break
      }
    }
    guard let number, (1...Self.numberMax).contains(number), let port, port > 0,
      (1...Self.addressesMax).contains(addresses.count)
    else { return nil }
    self.init(node: node, number: number, addresses: addresses, port: port)
  }
}
