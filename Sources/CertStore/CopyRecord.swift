/// What one certificate was made of: one value of etcd, or two of a legacy pair.
///
/// The values are kept as they came, so that an encrypted private key is encrypted on disk as well.
package struct CopyRecord: Sendable, Equatable {
  package let values: [StoredValue]

  package init(_ values: [StoredValue]) { self.values = values }

  /// What tells it from the others.
  var key: [UInt8] { values.first?.key ?? [] }
}
