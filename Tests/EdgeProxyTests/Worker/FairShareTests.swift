import TestSupport
import Testing

@testable import EdgeProxy

@Suite("How what is short is shared")
struct FairShareTests {
  /// What is left when nobody has more than `most`.
  private func kept(_ totals: [Int64], _ most: Int64) -> Int64 {
    totals.reduce(0) { $0 + min($1, most) }
  }

  @Test(
    arguments: [
      ([100], 30, 70), ([10, 10, 100], 50, 50), ([10, 90, 100], 100, 45), ([50, 50], 20, 40),
      ([0, 0, 7], 7, 0), ([1, 2, 3], 6, 0), ([1, 2, 3], 100, 0), ([], 5, 0), ([5], 0, 5),
    ] as [([Int64], Int64, Int64)])
  func `the most that one may keep`(totals: [Int64], excess: Int64, most: Int64) {
    #expect(FairShare.most(totals, less: excess) == most)
  }

  @Test func `enough is given back, and no more than one byte for each client too many`() {
    var random = SeededRandom(seed: 11)
    for _ in 0..<2000 {
      let totals = (0..<Int.random(in: 1...20, using: &random)).map { _ in
        Int64.random(in: 0...1000, using: &random)
      }.sorted()
      let sum = totals.reduce(0, +)
      let excess = Int64.random(in: 0...max(sum, 1), using: &random)
      let most = FairShare.most(totals, less: excess)
      let left = kept(totals, most)
      #expect(left <= sum - excess || sum < excess)
      #expect(left > sum - excess - Int64(totals.count) || most == 0)
    }
  }

  @Test func `numbers at the edge of their type are no trouble`() {
    #expect(FairShare.most([.max, .max], less: .max) >= 0)
    #expect(FairShare.most([0, .max], less: 1) == .max - 1)
  }
}
