internal import Configuration
internal import HTTPCore

/// What binds requests of one client, or for one thing, to one node.
extension Exchange {
  /// `nil` for a request without the thing: it goes where there is least to do.
  func affinity(by source: AffinitySource) -> UInt64? {
    switch source {
    case .address: StableHash.of(client.client.text)
    case .header(let name):
      head.value(ofField: name.span).map { StableHash.of(head.bytes, in: $0.range) }
    case .cookie(let name):
      head.cookie(name.span).map { StableHash.of(head.bytes, in: $0.range) }
    }
  }

  /// The mark that the client's cookie holds: sixteen digits.
  func boundNode(_ name: [UInt8]) -> UInt64? {
    guard let range = head.cookie(name.span), range.count == 16 else { return nil }
    var mark: UInt64 = 0
    for byte in range.range {
      guard let digit = ASCII.hexadecimal(head.bytes[byte]) else { return nil }
      mark = mark << 4 | UInt64(digit)
    }
    return mark
  }

  /// Has the client keep the node that answered, unless it does already.
  func stick(to node: NodeState, _ response: inout ResponseHead) {
    guard let upstream, !upstream.settings.stickyCookie.isEmpty, tries.request.bound != node.mark
    else { return }
    var value = upstream.settings.stickyCookie
    value.append(UInt8(ascii: "="))
    for shift in stride(from: 60, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: node.mark >> UInt64(shift) & 15)
      value.append(digit < 10 ? 48 + digit : 87 + digit)
    }
    let isTLS = connection?.listener.isTLS ?? true
    value += "; Path=/; HttpOnly; SameSite=Lax".utf8
    if isTLS { value += "; Secure".utf8 }
    var rules = FieldRules()
    rules.add = [.init(name: Array("Set-Cookie".utf8), value: value)]
    response.apply(rules)
  }
}
