internal import HTTPCore

extension ResponseHead {
  /// Has the client keep the node that answered, unless it is `bound` to it already.
  mutating func stick(to node: NodeState, _ cookie: [UInt8], bound: UInt64?, isTLS: Bool) {
    guard bound != node.mark else { return }
    var value = cookie
    value.append(UInt8(ascii: "="))
    for shift in stride(from: 60, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: node.mark >> UInt64(shift) & 15)
      value.append(digit < 10 ? 48 + digit : 87 + digit)
    }
    value += "; Path=/; HttpOnly; SameSite=Lax".utf8
    if isTLS { value += "; Secure".utf8 }
    var rules = FieldRules()
    rules.add = [.init(name: Array("Set-Cookie".utf8), value: value)]
    apply(rules)
  }
}
