import HTTPCore

/// What holds for every input, whatever its bytes.
///
/// Fuzzers look for counter-examples, tests replay those that were found. Each function is `nil`, or says what does not hold.
package enum ParserProperties {
  /// Small enough that generated inputs reach them.
  static let smallLimits: HeadLimits = {
    var limits = HeadLimits()
    limits.headBytes = 1024
    limits.requestLineBytes = 256
    limits.fields = 20
    limits.responseHeadBytes = 1024
    return limits
  }()

  /// Large enough that other limits decide.
  static let wideLimits: HeadLimits = {
    var limits = HeadLimits()
    limits.headBytes = 1 << 20
    limits.requestLineBytes = 1 << 19
    limits.fields = 1 << 10
    limits.responseHeadBytes = 1 << 20
    return limits
  }()

  /// A number that every byte of the input has a part in, FNV-1a.
  static func digest(_ input: [UInt8]) -> Int {
    var value: UInt32 = 0x811c_9dc5
    for byte in input { value = (value ^ UInt32(byte)) &* 0x0100_0193 }
    return Int(value >> 4)
  }

  /// Where the input is cut in two.
  static func cut(_ input: [UInt8]) -> Int { digest(input) % (input.count + 1) }
}
