/// Messages of etcd as bytes.
package enum EtcdWire {
  package static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  package static func number(_ field: UInt64, _ value: Int64) -> [UInt8] {
    varint(field << 3) + varint(UInt64(bitPattern: value))
  }

  package static func bytes(_ field: UInt64, _ value: [UInt8]) -> [UInt8] {
    varint(field << 3 | 2) + varint(UInt64(value.count)) + value
  }

  static func lease(_ input: inout FuzzInput) -> [UInt8] {
    var message = number(2, input.number(Int64.self)) + number(3, input.number(Int64.self))
    if input.isOnce(in: 8) { message += bytes(4, octets("no")) }
    return message
  }
}
