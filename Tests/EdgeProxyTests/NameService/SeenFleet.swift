import EventLoop
import HTTPCore

@testable import EdgeProxy

/// A fleet as one server sees it; the servers are `a`, `b` … with the addresses 192.0.2.1 and so on.
struct SeenFleet {
  var living = LivingAddresses(returnAfter: .seconds(30))
  var evidence: LivingAddresses.Evidence
  var now = Instant(nanoseconds: 0)
  private(set) var changes: [LivingAddresses.Change] = []

  /// All servers are there, connect to each other and have open ports; `a` looks.
  init(_ count: Int, returnAfter: Duration = .seconds(30)) {
    living = LivingAddresses(returnAfter: returnAfter)
    let servers = (1...count).map {
      KnownServer(node: Self.name($0), number: $0, addresses: [Self.address($0)], port: 443)
    }
    evidence = LivingAddresses.Evidence(
      node: "a", servers: servers, isOpen: true, views: [:], sights: [:])
    for server in servers.dropFirst() {
      evidence.views[server.addresses[0]] = .connects
      evidence.sights[server.node] = ServerSight(isOpen: true)
    }
    _ = living.update(evidence, isStart: true, now: now)
  }

  static func name(_ number: Int) -> String {
    number <= 26 ? String(UnicodeScalar(UInt8(96 + number))) : "n\(number)"
  }

  static func address(_ number: Int) -> IPAddress { IPAddress(ipv4: 0xc000_0200 + UInt32(number)) }

  /// The servers whose address is answered, in the order of the answer.
  var answered: String {
    let names = living.answer.compactMap { address in
      evidence.servers.first { $0.addresses.contains(address) }?.node
    }
    return names.joined()
  }

  mutating func look(after time: Duration = .zero) {
    now = now + time
    changes += living.update(evidence, isStart: false, now: now)
  }

  /// A server says that it cannot connect to others; `a` sees it itself.
  mutating func accuse(_ names: String, by accusers: String) {
    for name in names.map(String.init) {
      guard let address = addresses(name).first else { continue }
      for accuser in accusers.map(String.init) where accuser != name {
        if accuser == "a" {
          evidence.views[address] = .fails
        } else {
          evidence.sights[accuser]?.fails.insert(address)
        }
      }
    }
  }

  /// All that still live see it, and nobody has told etcd.
  mutating func losePower(_ names: String) {
    accuse(names, by: "abcdefgh".filter { !names.contains($0) })
  }

  /// All connect to it again.
  mutating func comeBack(_ name: String) {
    for address in addresses(name) {
      if name != "a" { evidence.views[address] = .connects }
      for node in evidence.sights.keys { evidence.sights[node]?.fails.remove(address) }
    }
    evidence.sights[name] = name == "a" ? nil : ServerSight(isOpen: true)
  }

  private func addresses(_ name: String) -> [IPAddress] {
    evidence.servers.first { $0.node == name }?.addresses ?? []
  }
}
