/// The bytes of an input as choices; once they are used up each choice is the first.
struct Choices {
  private let input: [UInt8]
  private var place = 0

  init(_ input: [UInt8]) { self.input = input }

  var isEmpty: Bool { place >= input.count }

  mutating func byte() -> Int {
    guard place < input.count else { return 0 }
    defer { place += 1 }
    return Int(input[place])
  }

  /// A number from 0 to `count` - 1, with `count` of 256 at most.
  mutating func below(_ count: Int) -> Int { byte() % max(1, count) }

  mutating func one<Element>(of list: [Element]) -> Element { list[below(list.count)] }
}
