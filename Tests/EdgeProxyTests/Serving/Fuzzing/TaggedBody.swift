import Glibc
import TestSupport

/// Bodies whose bytes say whose they are and where they belong.
///
/// Each is a stretch of the same random bytes, so that making and comparing them costs little.
enum TaggedBody {
  /// The longest body.
  static let bytesMax = 1 << 20

  /// The bytes of body `tag` from an offset on.
  static func bytes(of tag: Int, from start: Int, count: Int) -> [UInt8] {
    let first = place(of: tag) + start
    return Array(noise[first..<(first + count)])
  }

  /// Whether bytes are those of body `tag` from an offset on.
  static func matches(_ bytes: [UInt8], tag: Int, from start: Int) -> Bool {
    let first = place(of: tag) + start
    guard first + bytes.count <= noise.count else { return false }
    // SAFETY: both have as many bytes, and live for the length of the call.
    return unsafe noise.withUnsafeBytes { noise in
      unsafe bytes.withUnsafeBytes { other in
        guard let noise = noise.baseAddress, let other = other.baseAddress else { return true }
        return unsafe memcmp(noise + first, other, bytes.count) == 0
      }
    }
  }

  private static func place(of tag: Int) -> Int { tag &* 7919 % 1_000_003 }

  private static let noise: [UInt8] = {
    var random = SeededRandom(seed: 1)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 << 20)
    while bytes.count < 2 << 20 {
      let word = random.next()
      for shift in stride(from: 0, to: 64, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
      }
    }
    return bytes
  }()
}
