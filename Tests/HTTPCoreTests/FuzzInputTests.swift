import TestSupport
import Testing

@Suite("Bytes that are read as choices")
struct FuzzInputTests {
  @Test func `choices end with the input and stay within their bounds`() {
    for input in FuzzInputs(seed: 2, count: 500, bytesMax: 40) {
      var reading = FuzzInput(input)
      #expect((0..<7).contains(reading.below(7)))
      #expect((0...70_000).contains(reading.length(atMost: 70_000)))
      #expect(reading.raw(5).count == 5)
      #expect(reading.list(atMost: 1000) { $0.number(Int64.self) }.count <= 40)
      #expect(reading.list(atMost: 3) { $0.word([[1], [2, 3]]) }.count <= 3)
    }
    var empty = FuzzInput([])
    #expect(empty.isEmpty && empty.choice([7, 8]) == 7 && empty.number(UInt8.self) == 0)
    #expect(empty.list(atMost: 9) { $0.byte() }.isEmpty)
  }
}
