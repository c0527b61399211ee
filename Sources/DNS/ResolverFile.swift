package import EventLoop

/// The servers that the system's resolver asks, resolv.conf(5).
package enum ResolverFile {
  package static let path = "/etc/resolv.conf"
  /// As many as the system's resolver asks.
  package static let serversMax = 3
  package static let bytesMax = 64 * 1024

  /// The servers of a file's text; the one of this machine where it names none.
  package static func servers(_ text: [UInt8]) -> [SocketAddress] {
    var servers: [SocketAddress] = []
    for line in text.prefix(bytesMax).split(separator: UInt8(ascii: "\n")) {
      let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
      guard servers.count < serversMax, let word = words.first, words.count > 1,
        word.elementsEqual("nameserver".utf8),
        let address = SocketAddress(ip: String(decoding: words[1], as: UTF8.self), port: 53)
      else { continue }
      servers.append(address)
    }
    guard servers.isEmpty, let own = SocketAddress(ip: "127.0.0.1", port: 53) else {
      return servers
    }
    return [own]
  }
}
