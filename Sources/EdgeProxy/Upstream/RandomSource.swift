/// Pseudo-random numbers for spreading load and naming requests; nothing secret depends on them.
///
/// SplitMix64 (Steele, Lea, Flood 2014).
struct RandomSource {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Hexadecimal digits of a request's name: 128 bits.
  static let identifierBytes = 32

  /// Writes a request's name over `output`, which has `identifierBytes`.
  mutating func nextIdentifier(into output: inout [UInt8]) {
    let numbers = (next(), next())
    var digits = output.mutableSpan
    for place in 0..<min(digits.count, Self.identifierBytes) {
      let number = place < 16 ? numbers.0 : numbers.1
      let digit = UInt8(number >> UInt64(60 - place % 16 * 4) & 15)
      digits[place] = digit < 10 ? 48 + digit : 87 + digit
    }
  }
}
