/// A number made of bytes that is the same on all servers and after every start: FNV-1a, then the
/// finaliser of SplitMix64, so that similar addresses lie far apart.
///
/// It spreads load and names nodes. It is no protection against somebody who looks for collisions.
enum StableHash {
  static func of(_ bytes: [UInt8], in range: Range<Int>? = nil) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in range ?? bytes.indices {
      hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
    }
    return mix(hash)
  }

  static func of(_ left: UInt64, _ right: UInt64) -> UInt64 { mix(left ^ mix(right)) }

  private static func mix(_ value: UInt64) -> UInt64 {
    var value = value &+ 0x9e37_79b9_7f4a_7c15
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}
