/// Reads `canonical_host`: the one name under which clients shall see what a route has several for.
struct CanonicalHostReader {
  let context: ReadingContext

  func read(_ route: Section) -> [UInt8]? {
    guard route.isGiven("canonical_host"),
      let (text, position) = route.text("canonical_host", "a DNS name such as example.org")
    else { return nil }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: "canonical_host", wildcard: false) {
      context.findings.error(position, mistake)
      return nil
    }
    guard let normal = pattern.normal else { return nil }
    context.named.routed.canonicalHosts.append((normal, position))
    return Array(normal.utf8)
  }

  /// Says which of them no route is for; after the routes were read.
  func warnOfUnrouted() {
    let named = context.named
    guard context.isComplete, !named.routed.hasCatchAll else { return }
    let hosts = Set(named.hosts.map(\.name))
    for (name, position) in named.routed.canonicalHosts where !hosts.contains(name) {
      if let wildcard = AcmeName.wildcard(over: name), hosts.contains(wildcard) { continue }
      context.findings.warning(
        position, "no route is for '\(Found.shortened(name))', where clients are sent")
    }
  }
}
