internal import EventLoop
internal import HTTPCore

/// The sender of a datagram: only the address of the machine means anything, its port does not
/// last.
enum SubscriptionSource: Hashable, Sendable, CustomStringConvertible {
  case machine(IPAddress)
  /// Any process that may write to a unix socket of ours.
  case unix
  /// Another server of the fleet, that shares what it was told.
  case server(String)

  /// For rules that speak of addresses.
  var address: IPAddress {
    switch self {
    case .machine(let address): address
    case .unix, .server: IPAddress(ipv4: 0x7f00_0001)
    }
  }

  var description: String {
    switch self {
    case .machine(let address): String(decoding: address.text, as: UTF8.self)
    case .unix: "unix"
    case .server(let name): "@\(name)"
    }
  }
}

/// An instance that may be believed to be there.
struct Announcement: Equatable, Sendable {
  /// Normalised.
  var key: [UInt8]
  var instance: Instance
  var source: SubscriptionSource
  /// Where it wants to be told that it was added; `nil` for nowhere.
  var notify: SocketAddress?
}

/// Why a datagram changes nothing.
enum SubscriptionRefusal: String, Error, CaseIterable, Sendable {
  case tooLong = "too-long"
  case malformed
  case flood
  case badKey = "bad-key"
  case unlistedSource = "unlisted-source"
  case unlistedKey = "unlisted-key"
  case badAddress = "bad-address"
  case foreignAddress = "foreign-address"
  case dangerousModifier = "dangerous-modifier"
  case otherProtocol = "other-protocol"
  case namesCertificate = "names-certificate"
  case unsigned
  case badSignature = "bad-signature"
  case wrongTime = "wrong-time"
  case replayed
  case tooMany = "too-many"

  /// What every source of instances is refused for.
  init(_ refusal: InstanceRefusal) {
    self =
      switch refusal {
      case .otherForm, .badServer: .malformed
      case .badKey: .badKey
      case .badAddress: .badAddress
      case .dangerousModifier: .dangerousModifier
      }
  }

  /// For the log.
  var reason: String {
    switch self {
    case .tooLong: "it is longer than \(SubscriptionDatagram.bytesMax) bytes"
    case .malformed: "it is no subscription"
    case .flood: "too many come"
    case .badKey: "its key is no host name"
    case .unlistedSource: "its source is not in 'allow'"
    case .unlistedKey: "its source may not announce this key"
    case .badAddress: "its address is not IP:PORT, nor a path from this machine"
    case .foreignAddress: "its source may not announce this address"
    case .dangerousModifier: "its modifier makes uWSGI do other things than answer requests"
    case .otherProtocol: "it does not speak uwsgi"
    case .namesCertificate: "sni_key, sni_crt and sni_ca are not taken from anybody"
    case .unsigned: "its key has a signing key and it has no signature"
    case .badSignature: "its signature is not that of its key"
    case .wrongTime: "its time is not now"
    case .replayed: "it, or a later one, came before"
    case .tooMany: "too many instances are known"
    }
  }
}
