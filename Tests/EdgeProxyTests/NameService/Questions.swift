import DNSCore
import EventLoop
import Glibc
import HTTPCore
import Testing

@testable import EdgeProxy

extension ZoneContent {
  /// A zone with three servers, whose addresses are of documentation.
  static func fixture(
    living: [String] = ["203.0.113.1", "203.0.113.2", "203.0.113.3"],
    texts: [String: [[UInt8]]] = [:], serial: UInt32 = 1
  ) throws -> ZoneContent {
    func addresses(_ texts: [String]) throws -> [IPAddress] {
      try texts.map { text in
        let bytes = Array(text.utf8)
        let address = IPAddress(bytes.span)
        return try #require(address)
      }
    }
    return ZoneContent(
      zone: try #require(DNSName("fleet.example.org")),
      servers: try (1...3).map {
        NameServer(number: $0, addresses: try addresses(["203.0.113.\($0)"]))
      },
      living: try addresses(living),
      texts: Dictionary(
        uniqueKeysWithValues: try texts.map { (try #require(DNSName($0.key)), $0.value) }),
      wanted: [], seconds: 10, serial: serial)
  }
}

/// Questions to the zone of the fixture, and what answers to them say.
enum Question {
  /// The bytes of one, without EDNS.
  static func bytes(
    _ name: String = "all.fleet.example.org", _ type: DNSType = .ipv4, id: UInt16 = 7
  ) throws -> [UInt8] {
    var message = DNSMessage(id: id)
    message.questions = [DNSQuestion(name: try #require(DNSName(name)), type: type)]
    return try message.encoded()
  }

  /// The same as it goes over TCP.
  static func framed(
    _ name: String = "all.fleet.example.org", _ type: DNSType = .ipv4, id: UInt16 = 7
  ) throws -> [UInt8] {
    frame(try bytes(name, type, id: id))
  }

  /// A message with its length in front.
  static func frame(_ message: [UInt8]) -> [UInt8] {
    [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
  }

  /// The messages that came over TCP; what is no whole one stays.
  static func messages(_ bytes: inout [UInt8]) throws -> [DNSMessage] {
    var messages: [DNSMessage] = []
    var rest = bytes[...]
    while let high = rest.first, let low = rest.dropFirst().first {
      let length = Int(high) << 8 | Int(low)
      guard rest.count >= 2 + length else { break }
      messages.append(try DNSMessage(decoding: Array(rest.dropFirst(2).prefix(length))))
      rest = rest.dropFirst(2 + length)
    }
    bytes = Array(rest)
    return messages
  }
}

/// Addresses of loopback, of which there are 2²⁴.
enum Loopback {
  /// One that hardly any other test has, so that a port that is free for UDP is free for TCP.
  static func any() throws -> SocketAddress {
    let parts = (0..<3).map { _ in Int.random(in: 2...253) }
    return try #require(
      SocketAddress(ip: "127.\(parts[0]).\(parts[1]).\(parts[2])", port: 0))
  }

  /// Connects from an address; `receiveBytes` are asked for to hold what is not read.
  static func connect(
    to address: SocketAddress, from host: String, receiveBytes: Int32? = nil
  ) throws -> WireClient {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let own = FileDescriptor(owning: socket(AF_INET, kind, 0))
    if var size = receiveBytes {
      unsafe setsockopt(
        own.raw, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    let source = try #require(SocketAddress(ip: host, port: 0))
    let bound = unsafe source.bytes.withUnsafeBytes { raw in
      unsafe bind(
        own.raw, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    #expect(bound == 0)
    let outcome = unsafe address.bytes.withUnsafeBytes { raw in
      unsafe Glibc.connect(
        own.raw, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    #expect(outcome == 0 || errno == EINPROGRESS)
    return WireClient(own)
  }
}

struct NeverSettled: Error {}
