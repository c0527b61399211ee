// What scripts/lint-traps finds and what it proves, tried each time it runs. This is compiled by it alone: what a
// line's comment says is what must be found there, and nothing must be found where there is none.

enum Plain {
  static let bytesMax = 4096
  static func ends(_ flag: Bool) {
    precondition(flag)  // traps: ends
    guard flag else { fatalError("no") }  // traps: ends
  }

  static func optional(_ value: Int?, _ any: Any) throws -> Int {
    let text = any as! String  // traps: as!
    let number = try! Int(text, format: 1)  // traps: try!
    return value! + number  // traps: arithmetic, force unwrap
  }
}

extension Int {
  init(_ text: String, format: Int) throws { self = text.utf8.count }
}

final class Owner {
  unowned let other: Owner  // traps: unowned
  var action: () -> Void = {}
  init(_ other: Owner) { self.other = other }
  func begin() {
    action = { [unowned self] in begin() }  // traps: unowned
    action = { [weak self] in self?.begin() }
  }
}

enum Numbers {
  static func sums(_ a: Int, _ b: UInt8, _ c: UInt64, _ bytes: [UInt8]) -> Int {
    let sum = a + 1  // traps: arithmetic
    let bytesOnly = Int(b) * 256 + Int(b)
    let less = c - 1  // traps: arithmetic
    let half = a / 2
    let part = a / Int(b)  // traps: arithmetic
    let counts = bytes.count + bytes.count * 2 + 4
    let negative = -a  // traps: arithmetic
    let distance = abs(a)  // traps: arithmetic
    let masked = (a & 255) * 4 &+ a
    return sum &+ bytesOnly &+ Int(truncatingIfNeeded: less) &+ half &+ part &+ counts &+ negative &+ distance &+ masked
  }

  static func conversions(_ a: Int, _ b: UInt8, _ c: UInt64, _ d: Double) -> [Int] {
    let byte = UInt8(a)  // traps: conversion
    let low = UInt8(c & 255)
    let high = UInt8(c >> 56)
    let wide = Int(b) + Int(UInt8(ascii: "a"))
    let whole = Int(c)  // traps: conversion
    let cut = Int(clamping: c) + 0
    let fraction = Int(d)  // traps: conversion
    let digit = c % 10
    return [Int(byte), Int(low), Int(high), wide, whole, cut, fraction, Int(digit)]
  }

  static func compared(_ a: Int, _ b: Int, _ c: UInt64, _ bytes: [UInt8]) -> UInt64 {
    guard a >= 0, a < 1000, b >= a else { return 0 }
    let product = UInt64(a * 1000)
    let difference = UInt64(b - a)
    if c >= product { return c - product }
    if bytes.count > 4 { return UInt64(bytes.count - 4) }
    let rest = c - difference  // traps: arithmetic
    return (1...5).contains(a) ? UInt64(a * 10) : rest
  }

  static func table(_ kind: Int) -> UInt8 {
    switch kind {
    case 0...9: UInt8(kind)
    case 200: UInt8(kind)
    case let other where other > 3: UInt8(other)  // traps: conversion
    default: 0
    }
  }
}

struct Reader {
  var bytes: [UInt8] = []
  mutating func again(_ index: Int) -> UInt8 {
    guard index >= 0, index < bytes.count else { return 0 }
    let good = bytes[index]
    self = Reader()
    return good | bytes[index]  // traps: subscript
  }
}

struct Counter {
  private var requests = 0
  private var bytes: UInt64 = 0
  private var revision: Int64 = 0
  private var open: UInt64 = 0
  mutating func count(_ block: [UInt8], _ told: Int64) {
    requests += 1
    bytes += UInt64(block.count)
    revision = told
    revision += 1  // traps: arithmetic
    open += 1
    open -= 1  // traps: arithmetic
  }
  private var last: Int { Int(truncatingIfNeeded: revision) }
  func next() -> Int { requests + 1 + last + 1 }  // traps: arithmetic
}

enum Lists {
  static func subscripts(_ bytes: [UInt8], _ index: Int, _ names: [String: Int], _ name: String) -> Int {
    let one = bytes[index]  // traps: subscript
    let first = bytes[0]  // traps: subscript
    let found = names[name] ?? 0
    guard index >= 0, index < bytes.count else { return found }
    let good = bytes[index]
    let next = bytes[index + 1]  // traps: subscript
    guard bytes.count >= 3 else { return 0 }
    return Int(one) + Int(first) + Int(good) + Int(next) + Int(bytes[2])
  }

  static func loops(_ bytes: [UInt8], _ others: [UInt8]) -> Int {
    var sum = 0
    for index in bytes.indices { sum &+= Int(bytes[index]) }
    for index in 0..<bytes.count { sum &+= Int(others[index]) }  // traps: subscript
    for (index, byte) in bytes.enumerated() { sum &+= Int(byte &+ bytes[index]) }
    for index in 0..<min(bytes.count, others.count) where bytes[index] == others[index] { sum &+= 1 }
    var index = 0
    while index < bytes.count, bytes[index] != 0x20 { index += 1 }
    let rest = bytes[index...]
    var end = bytes.count
    while end > index, bytes[end - 1] == 0x20 { end -= 1 }
    return sum &+ rest.count &+ bytes[index..<end].count
  }

  static func slices(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int {
    let part = bytes[start..<start + count]  // traps: arithmetic, range, slice
    let front = bytes.prefix(count)  // traps: count
    let behind = bytes.dropFirst()
    guard start >= 0, count >= 0, start <= bytes.count, count <= bytes.count - start else { return 0 }
    let good = bytes[start..<start + count]
    let ends = start...count  // traps: range
    return part.count + front.count + behind.count + good.count + ends.count
  }

  static func parts(_ bytes: [UInt8], _ part: ArraySlice<UInt8>) -> Int {
    var sum = 0
    guard part.count > 1 else { return 0 }
    sum &+= Int(part[0])  // traps: subscript
    for index in part.indices { sum &+= Int(part[index]) }  // traps: subscript
    for (offset, _) in part.enumerated() { sum &+= Int(part[offset]) }  // traps: subscript
    return sum
  }

  static func places(_ list: [Int], _ place: Int, _ text: String) -> Int {
    var list = list
    list.removeFirst()  // traps: remove
    let last = list.popLast()
    if !list.isEmpty { list.removeLast() }
    list.insert(1, at: place)  // traps: insert
    list.insert(1, at: list.count)
    list.remove(at: place)  // traps: remove
    let zeros = [Int](repeating: 0, count: place)  // traps: room
    let next = text.index(after: text.startIndex)  // traps: index
    let names = Dictionary(uniqueKeysWithValues: [(place, next)])  // traps: keys
    return names.count + zeros.count + (last ?? 0)  // traps: arithmetic
  }
}

import Synchronization

struct Others: ~Copyable {
  let hits = Atomic<Int>(0)
  let few = Atomic<UInt32>(0)
  let times = [4 of UInt8](repeating: 0)

  func various(_ number: Int, _ list: [Int], _ span: Duration, _ names: [String: Int]) -> Int {
    hits.add(1, ordering: .relaxed)
    few.add(1, ordering: .relaxed)  // traps: arithmetic
    let text = String(number, radix: number)  // traps: radix
    let digits = String(number, radix: 16)
    let parts = list.split(separator: 0, maxSplits: number)  // traps: count
    let long = span * number  // traps: time
    let fixed = Duration.seconds(60 * 60)
    let mixed = list.shuffled()  // traps: unknown shuffled
    let any = Int.random(in: 1...6)
    for step in stride(from: 0, to: 9, by: number) where step > 8 { break }  // traps: stride
    let found = names.index(forKey: text).map { names[$0].value } ?? 0  // traps: index
    let time = times[number]  // traps: subscript
    let last = times[3]
    let read = unsafe list.withUnsafeBufferPointer { unsafe $0.count }  // traps: memory
    let raw = unsafe withUnsafeBytes(of: number) { unsafe $0.count }  // traps: memory
    guard long > fixed, mixed.count > digits.count else { return found }
    return parts.count &+ any &+ Int(time &+ last) &+ read &+ raw
  }
}

/// A proof must not outlive what it was about.
final class Stale {
  var bytes: [UInt8] = []
  var place = 0
  func change() { bytes = [] }

  func afterChange() -> UInt8 {
    guard place >= 0, place < bytes.count else { return 0 }
    let good = bytes[place]
    change()
    return good | bytes[place]  // traps: subscript
  }

  func afterWrite(_ index: Int) -> UInt8 {
    var list = bytes
    guard index >= 0, index < list.count else { return 0 }
    list[index] = 1
    list.removeAll()
    return list[index]  // traps: subscript
  }

  func withinLoop(_ list: [UInt8]) -> Int {
    var rest = list
    var sum = 0
    guard rest.count > 4 else { return 0 }
    while sum < 100 {
      sum &+= Int(rest[4])  // traps: subscript
      rest.removeAll()
    }
    return sum
  }

  func shadowed(_ index: Int, _ list: [UInt8], _ shorter: [[UInt8]]) -> UInt8 {
    guard index >= 0, index < list.count else { return 0 }
    for list in shorter { return list[index] }  // traps: subscript
    return 0
  }

  func oneBranch(_ index: Int, _ list: [UInt8], _ flag: Bool) -> UInt8 {
    var index = index
    guard index >= 0, index < list.count else { return 0 }
    if flag { index += 1 }
    return list[index]  // traps: subscript
  }

  func either(_ index: Int, _ list: [UInt8]) -> UInt8 {
    if index < 0 || index >= list.count { return 0 }
    let good = list[index]
    if index > 3 || list.isEmpty { return good | list[index + 1] }  // traps: subscript
    return good
  }

  func later(_ index: Int) -> () -> UInt8 {
    var list = bytes
    guard index >= 0, index < list.count else { return { 0 } }
    let read = { list[index] }  // traps: subscript
    list = []
    return read
  }

  func replaced(_ index: Int) -> UInt8 {
    var list = bytes
    guard index >= 0, index < list.count else { return 0 }
    list[0..<1] = []
    return list[index]  // traps: subscript
  }

  func deferred(_ list: [UInt8]) -> UInt8 {
    var place = 0
    guard place < list.count else { return 0 }
    do {
      defer { place = list.count }
      if list[place] == 1 { return 1 }
    }
    return list[place]  // traps: subscript
  }

  func assigned(_ list: [UInt8]) -> UInt8 {
    var place = 0
    guard place < list.count else { return 0 }
    let good = list[place]
    place = list.count
    return good | list[place]  // traps: subscript
  }
}
