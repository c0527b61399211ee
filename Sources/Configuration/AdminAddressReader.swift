internal import EventLoop

/// Reads where administrators connect.
struct AdminAddressReader {
  let context: ReadingContext

  /// Addresses that may be given.
  static let countMax = 4

  /// The addresses; none for `off`.
  ///
  /// A wrong value gives the default. `taken` are the other listeners.
  func read(_ section: Section, taken: [SocketAddress]) -> [SocketAddress] {
    let (row, value) = section.take("admin")
    let ready = [row.defaultText.flatMap { SocketAddress($0) }].compactMap { $0 }
    guard let value else { return ready }
    guard case .list(let items) = value.content else {
      if context.isOff(value) { return [] }
      return address(value, Self.expected, taken).map { [$0] } ?? ready
    }
    if items.count > Self.countMax {
      context.findings.error(
        value.position,
        "'admin' must have at most \(Self.countMax) addresses, found \(items.count)")
    }
    var found: [SocketAddress] = []
    for item in items.prefix(Self.countMax) {
      if let address = address(item, Self.expectedOfOne, taken + found) { found.append(address) }
    }
    return found.isEmpty && !items.isEmpty ? ready : found
  }

  /// One address; `nil` where it cannot be used.
  private func address(
    _ value: YAMLNode, _ expected: String, _ taken: [SocketAddress]
  ) -> SocketAddress? {
    guard let text = context.text(value, "admin", expected) else { return nil }
    guard let address = SocketAddress(text), address.port != 0 else {
      context.wrong(value, "admin", expected, hint(text, isListed: expected == Self.expectedOfOne))
      return nil
    }
    if let reason = reason(against: address, text) {
      context.wrong(value, "admin", expected, reason)
      return nil
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
  private static let expectedOfOne =
    "a list of unix: with a path, and loopback addresses such as 127.0.0.1:9180"

  /// What makes an address one that strangers could reach.
  private func reason(against address: SocketAddress, _ text: String) -> String? {
    if address.family == .unix {
      // An abstract name has no permissions: everybody on the machine could stop the server.
      return text.hasPrefix("unix:/") ? nil : "; the path must begin with '/'"
    }
    return address.isLocal ? nil : "; whoever could reach it could read everything here"
  }

  private func hint(_ text: String, isListed: Bool) -> String {
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
    if isListed { return text == "off" ? "; 'off' stands by itself, not in a list" : "" }
    if Habits.flag(text) == false { return Found.meant("off") }
    return Suggestion.text(for: text, among: ["off"])
  }
}

extension ReadingContext {
  /// Whether a value is the word `off`.
  fileprivate func isOff(_ node: YAMLNode) -> Bool {
    guard case .scalar(let text, _) = node.content else { return false }
    return text == "off"
  }
}
