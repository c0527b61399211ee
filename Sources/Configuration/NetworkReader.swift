internal import HTTPCore

/// Reads lists of networks and says what is wrong with one.
struct NetworkReader {
  let context: ReadingContext

  private static let expected = "a network such as 10.0.0.0/8 or 2001:db8::/32"

  func read(_ key: String, _ section: Section) -> [Network] {
    let (_, value) = section.take(key)
    guard let value else { return [] }
    guard case .list(let items) = value.content else {
      context.wrong(value, key, "a list of networks such as [10.0.0.0/8, \"2001:db8::/32\"]")
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

  private func network(_ item: YAMLNode, _ key: String) -> Network? {
    guard let text = context.text(item, key, Self.expected) else { return nil }
    let bytes = Array(text.utf8)
    guard let network = Network(bytes.span) else {
      context.wrong(item, key, Self.expected)
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
