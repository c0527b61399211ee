/// What has to survive the death of the issuer; it is stored before it matters.
package struct OrderRecord: Sendable, Equatable, CustomStringConvertible {
  /// The CA's directory.
  package let issuer: String
  /// The order's own address.
  package let order: String
  /// The key of the new certificate, PEM.
  package let key: [UInt8]
  package let names: [String]

  package init(issuer: String, order: String, key: [UInt8], names: [String]) {
    self.issuer = issuer
    self.order = order
    self.key = key
    self.names = names
  }

  /// Without the key.
  package var description: String { "order \(order) for \(names.joined(separator: " "))" }
}

extension OrderRecord: CustomReflectable {
  package var customMirror: Mirror { Mirror(self, children: ["order": order, "names": names]) }
}
