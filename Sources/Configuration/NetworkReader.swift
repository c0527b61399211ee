internal import EventLoop
internal import HTTPCore

/// Reads lists of networks and says what is wrong with one.
struct NetworkReader {
  let context: ReadingContext
  var purpose = Purpose.proxies

  /// Whom the networks of a list stand for.
  enum Purpose { case proxies, clients }

  private static let expected = "a network such as 10.0.0.0/8 or 2001:db8::/32"

  func read(_ key: String, _ section: Section) -> [Network] {
    let (_, value) = section.take(key)
    guard let value else { return [] }
    guard case .list(let items) = value.content else {
      var hint = ""
      if case .scalar(let text, _) = value.content { hint = self.hint(text) }
      context.wrong(
        value, key, "a list of networks such as [10.0.0.0/8, \"2001:db8::/32\"]", hint)
      return []
    }
    if items.count > Directives.networksMax {
      context.findings.error(
        value.position,
        "'\(key)' must have at most \(Directives.networksMax), found \(items.count)")
    }
    return items.compactMap { network($0, key) }
  }

  /// The one network under a required key.
  func one(_ key: String, _ section: Section) -> Network? {
    section.take(key).value.flatMap { network($0, key) }
  }

  /// What is said to a text that is no network.
  private func hint(_ text: String) -> String {
    if Network(Array(text.utf8).span) != nil { return "" }
    let everybody =
      purpose == .proxies
      ? "name the proxies: who is trusted says who the client is"
      : "'0.0.0.0/0' and '::/0' are everybody, and who is not in 'allow' is kept out without 'deny'"
    let words = [
      "all": everybody, "*": everybody, "any": everybody,
      "localhost": "did you mean '127.0.0.0/8' and '::1'?",
      "private_ranges": "did you mean '10.0.0.0/8', '172.16.0.0/12' and '192.168.0.0/16'?",
    ]
    if let word = words[text.lowercased()] { return "; \(word)" }
    let parts = text.split(separator: "/", maxSplits: 1)
    if let start = parts.first, SocketAddress(ip: String(start), port: 1) != nil, parts.count == 2 {
      if parts[1].contains(".") { return "; the mask is written as a number of bits, such as /24" }
      return start.contains(":")
        ? "; behind '/' is a number from 0 to 128" : "; behind '/' is a number from 0 to 32"
    }
    if SocketAddress(text) != nil { return "; no port belongs here" }
    if text.contains("*") { return "; '10.0.0.0/24' stands for 10.0.0.*" }
    if text.contains("-") { return "; a range is written as networks, such as 10.0.0.0/29" }
    return text.contains(where: \.isLetter) && !text.contains(":")
      ? "; names are not looked up here, write the address" : ""
  }

  private func network(_ item: YAMLNode, _ key: String) -> Network? {
    guard let text = context.text(item, key, Self.expected) else { return nil }
    let bytes = Array(text.utf8)
    guard let network = Network(bytes.span) else {
      context.wrong(item, key, Self.expected, hint(text))
      return nil
    }
    // An operator who writes 10.1.2.3/8 may have meant one machine or all of them.
    let start = Array(bytes.prefix { $0 != UInt8(ascii: "/") })
    guard IPAddress(start.span) == network.address else {
      context.wrong(
        item, key, "a network without bits beyond its prefix",
        "; did you mean '\(network)'?")
      return nil
    }
    return network
  }
}
