/// Reads any bytes as choices, so that a fuzzer's input becomes a message with a structure.
///
/// Every reading has an answer: behind the last byte all choices are the first ones and all numbers
/// are 0. Each reading takes a byte where there is one, so lists that are read until the input ends
/// do end.
package struct FuzzInput {
  private let bytes: [UInt8]
  private var place = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var isEmpty: Bool { place >= bytes.count }

  package mutating func byte() -> UInt8 {
    guard place < bytes.count else { return 0 }
    defer { place += 1 }
    return bytes[place]
  }

  package mutating func flag() -> Bool { byte() & 1 == 1 }

  /// True once in `number` times where bytes are random.
  package mutating func isOnce(in number: Int) -> Bool { below(number) == number - 1 }

  /// A number from 0 to `bound` - 1; 0 where the bound is no more than 1.
  package mutating func below(_ bound: Int) -> Int {
    guard bound > 1 else { return 0 }
    guard bound > 256 else { return Int(byte()) % bound }
    return Int(truncatingIfNeeded: bits(bound > 65_536 ? 4 : 2)) % bound
  }

  /// One of a list that is not empty.
  package mutating func choice<Item>(_ items: [Item]) -> Item { items[below(items.count)] }

  /// As many bytes of the input as a number, big-endian, not negative for less than eight.
  private mutating func bits(_ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for _ in 0..<count { value = value << 8 | UInt64(byte()) }
    return value
  }

  /// A number at an edge of its type, of a smaller type or of decimal digits, or any other.
  package mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number {
    switch byte() % 8 {
    case 0: return 0
    case 1: return .max - Number(byte() % 4)
    case 2: return .min + Number(byte() % 4)
    case 3: return Number(clamping: Int64(1) << Int64(byte() % 63))
    case 4: return Number(clamping: (Int64(1) << Int64(byte() % 63)) - 1)
    case 5:
      var power: Int64 = 1
      for _ in 0..<(byte() % 19) { power *= 10 }
      return Number(clamping: power - Int64(byte() % 2))
    case 6: return Number(clamping: -Int64(truncatingIfNeeded: bits(4)))
    default: return Number(truncatingIfNeeded: bits(Int(byte() % 8) + 1))
    }
  }

  /// A length from 0 to `most`: often none, few, or nearly as many as there may be.
  package mutating func length(atMost most: Int) -> Int {
    switch byte() % 4 {
    case 0: return min(most, Int(byte() % 4))
    case 1: return max(0, most - Int(byte() % 4))
    case 2: return min(most, Int(byte()))
    default: return below(most + 1)
    }
  }

  /// As many bytes, which the input repeats where it has fewer left.
  package mutating func raw(_ count: Int) -> [UInt8] {
    let end = min(place + count, bytes.count)
    let part = Array(bytes[min(place, end)..<end])
    place = end
    guard !part.isEmpty, part.count < count else {
      return part.count == count ? part : [UInt8](repeating: 0x61, count: count)
    }
    return (0..<count).map { part[$0 % part.count] }
  }

  /// A word of a dictionary that is not empty; seldom changed in one byte, or of any bytes.
  package mutating func word(_ words: [[UInt8]]) -> [UInt8] {
    let kind = byte()
    var word = choice(words)
    if kind >= 252 { return raw(Int(byte() % 16)) }
    guard kind >= 244, !word.isEmpty else { return word }
    word[below(word.count)] = byte()
    return word
  }

  /// Items one after the other until the input ends, or sooner.
  package mutating func list<Item>(
    atMost most: Int, _ item: (inout FuzzInput) -> Item
  ) -> [Item] {
    var items: [Item] = []
    while !isEmpty, items.count < most, byte() != 0xff { items.append(item(&self)) }
    return items
  }
}

/// Inputs that are the same in every run, as many as an ordinary test has time for.
package struct FuzzInputs: Sequence, IteratorProtocol {
  private var state: UInt64
  private var left: Int
  private let bytesMax: Int

  /// `count` inputs of up to `bytesMax` random bytes.
  package init(seed: UInt64, count: Int, bytesMax: Int) {
    state = seed
    left = count
    self.bytesMax = bytesMax
  }

  package mutating func next() -> [UInt8]? {
    guard left > 0 else { return nil }
    left -= 1
    let count = Int(random() % UInt64(bytesMax + 1))
    var input: [UInt8] = []
    input.reserveCapacity(count + 8)
    while input.count < count {
      var value = random()
      for _ in 0..<8 {
        input.append(UInt8(truncatingIfNeeded: value))
        value >>= 8
      }
    }
    input.removeLast(input.count - count)
    return input
  }

  /// SplitMix64.
  private mutating func random() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
