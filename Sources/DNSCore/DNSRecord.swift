/// The type of a record or of a question.
package struct DNSType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let ipv4 = DNSType(rawValue: 1)
  package static let nameServer = DNSType(rawValue: 2)
  package static let alias = DNSType(rawValue: 5)
  package static let authority = DNSType(rawValue: 6)
  /// HINFO, which stands for all records where one asks for ANY, RFC 8482 §4.2.
  package static let host = DNSType(rawValue: 13)
  package static let text = DNSType(rawValue: 16)
  package static let ipv6 = DNSType(rawValue: 28)
  /// EDNS, RFC 6891.
  package static let options = DNSType(rawValue: 41)
  /// TSIG, RFC 8945.
  package static let signature = DNSType(rawValue: 250)
  /// IXFR: what changed in a copy of a zone, RFC 1995.
  package static let changes = DNSType(rawValue: 251)
  /// AXFR: a copy of a zone, RFC 5936.
  package static let copy = DNSType(rawValue: 252)
  package static let any = DNSType(rawValue: 255)

  package var description: String {
    switch self {
    case .ipv4: "A"
    case .nameServer: "NS"
    case .alias: "CNAME"
    case .authority: "SOA"
    case .host: "HINFO"
    case .text: "TXT"
    case .ipv6: "AAAA"
    case .options: "OPT"
    case .signature: "TSIG"
    case .changes: "IXFR"
    case .copy: "AXFR"
    case .any: "ANY"
    default: "TYPE\(rawValue)"
    }
  }
}

/// The class of a record; `internet` but for those that say what is to be deleted.
package struct DNSClass: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let internet = DNSClass(rawValue: 1)
  package static let none = DNSClass(rawValue: 254)
  package static let any = DNSClass(rawValue: 255)
}

package struct DNSQuestion: Sendable, Hashable {
  package var name: DNSName
  package var type: DNSType
  package var domain: DNSClass

  package init(name: DNSName, type: DNSType, domain: DNSClass = .internet) {
    self.name = name
    self.type = type
    self.domain = domain
  }
}

/// What a zone says of itself, RFC 1035 §3.3.13; periods are in seconds.
package struct DNSAuthority: Sendable, Hashable {
  package var primary: DNSName
  package var mailbox: DNSName
  package var serial: UInt32
  package var refresh: UInt32
  package var retry: UInt32
  package var expire: UInt32
  /// How long an answer that there is nothing may be kept, RFC 2308 §4.
  package var minimum: UInt32

  package init(
    primary: DNSName, mailbox: DNSName, serial: UInt32, refresh: UInt32, retry: UInt32,
    expire: UInt32, minimum: UInt32
  ) {
    self.primary = primary
    self.mailbox = mailbox
    self.serial = serial
    self.refresh = refresh
    self.retry = retry
    self.expire = expire
    self.minimum = minimum
  }
}

/// One record, RFC 1035 §3.2.1.
package struct DNSRecord: Sendable, Hashable {
  package enum Data: Sendable, Hashable {
    /// Four bytes.
    case ipv4([UInt8])
    /// Sixteen bytes.
    case ipv6([UInt8])
    case nameServer(DNSName)
    case alias(DNSName)
    case authority(DNSAuthority)
    /// Strings of at most 255 bytes each.
    case text([[UInt8]])
    /// Of a type that is not read here, or without content.
    case other(DNSType, [UInt8])
  }

  package var name: DNSName
  package var domain: DNSClass
  /// How long it may be kept, in seconds.
  package var seconds: UInt32
  package var data: Data

  package init(name: DNSName, domain: DNSClass = .internet, seconds: UInt32, data: Data) {
    self.name = name
    self.domain = domain
    self.seconds = seconds
    self.data = data
  }

  package var type: DNSType {
    switch data {
    case .ipv4: .ipv4
    case .ipv6: .ipv6
    case .nameServer: .nameServer
    case .alias: .alias
    case .authority: .authority
    case .text: .text
    case .other(let type, _): type
    }
  }

  /// What a TXT record says, its strings joined as RFC 8555 §8.4 has a CA do it; `nil` for others.
  package var text: [UInt8]? {
    guard case .text(let strings) = data else { return nil }
    return Array(strings.joined())
  }
}

extension DNSRecord.Data {
  package static let stringBytesMax = 255

  /// A TXT record that says `value`, in as many strings as it needs.
  package static func text(_ value: [UInt8]) -> DNSRecord.Data {
    var strings: [[UInt8]] = []
    var rest = value[...]
    repeat {
      strings.append(Array(rest.prefix(stringBytesMax)))
      rest = rest.dropFirst(stringBytesMax)
    } while !rest.isEmpty
    return .text(strings)
  }
}
