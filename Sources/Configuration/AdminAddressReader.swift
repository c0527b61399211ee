internal import EventLoop

/// Reads where administrators connect.
struct AdminAddressReader {
  let context: ReadingContext

  /// The address, `nil` for `off`.
  ///
  /// A wrong value gives the default. `taken` are the other listeners.
  func read(_ section: Section, taken: [SocketAddress]) -> SocketAddress? {
    let (row, value) = section.take("admin")
    let ready = row.defaultText.flatMap { SocketAddress($0) }
    guard let value else { return ready }
    guard let text = context.text(value, "admin", Self.expected) else { return ready }
    if text == "off" { return nil }
    guard let address = SocketAddress(text), address.port != 0 else {
      context.wrong(value, "admin", Self.expected, hint(text))
      return ready
    }
    if let reason = reason(against: address, text) {
      context.wrong(value, "admin", Self.expected, reason)
      return ready
    }
    if address.family == .unix {
      context.named.files.ownSockets.append((address.host, value.position))
    }
    if taken.contains(address) {
      context.findings.error(value.position, "'\(address)' is listened at already")
    }
    return address
  }

  private static let expected =
    "unix: and a path, a loopback address such as 127.0.0.1:9180, or off"

  /// What makes an address one that strangers could reach.
  private func reason(against address: SocketAddress, _ text: String) -> String? {
    if address.family == .unix {
      // An abstract name has no permissions: everybody on the machine could stop the server.
      return text.hasPrefix("unix:/") ? nil : "; the path must begin with '/'"
    }
    return address.isLocal ? nil : "; whoever could reach it could read everything here"
  }

  private func hint(_ text: String) -> String {
    if text.hasPrefix("/") { return "; did you mean 'unix:\(Found.shortened(text))'?" }
    if text.hasPrefix("unix:"), text.utf8.count - 5 > SocketAddress.unixPathBytesMax {
      return "; the path has \(text.utf8.count - 5) bytes and the kernel takes"
        + " \(SocketAddress.unixPathBytesMax)"
    }
    if text.hasPrefix("localhost:") {
      return "; did you mean '127.0.0.1:\(text.dropFirst(10))'?"
    }
    if let port = Number.parse(text), (1...65_535).contains(port) {
      return "; did you mean '127.0.0.1:\(text)'?"
    }
    if Habits.flag(text) == false { return Found.meant("off") }
    return Suggestion.text(for: text, among: ["off"])
  }
}
