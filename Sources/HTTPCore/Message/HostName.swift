/// The one form in which names are compared, whether TLS or HTTP brought them.
package enum HostName {
  /// Lower-cases a DNS name and takes its last dot off; `false` where it is no DNS name.
  ///
  /// Letters, digits, `-` and `_` (which exists in practice), labels of 1–63 octets, at most 253 in
  /// all (RFC 1035 §2.3.4). `output` is replaced.
  package static func normalise(_ input: borrowing Span<UInt8>, into output: inout [UInt8]) -> Bool
  {
    output.removeAll(keepingCapacity: true)
    var count = input.count
    if count > 1, input[count - 1] == UInt8(ascii: ".") { count -= 1 }
    guard count > 0, count <= FixedLimits.hostNameBytes else { return false }
    var label = 0
    for index in 0..<count {
      let byte = input[index]
      if byte == UInt8(ascii: ".") {
        guard label > 0 else { return false }
        label = 0
      } else {
        label += 1
        guard
          ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_"), label <= FixedLimits.hostLabelBytes
        else { return false }
      }
      output.append(ASCII.lower(byte))
    }
    return label > 0
  }
}
