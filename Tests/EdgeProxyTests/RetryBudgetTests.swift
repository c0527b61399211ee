import Synchronization
import Testing

@testable import EdgeProxy

@Suite("Retry budget: a fifth of the requests, and three a second")
struct RetryBudgetTests {
  private let start = seconds(1000)

  private func drain(_ budget: borrowing RetryBudget, now: Int64) -> Int {
    var count = 0
    while budget.take(now: now) { count += 1 }
    return count
  }

  @Test func `it begins full, also right after the clock began`() {
    #expect(drain(RetryBudget(), now: start) == 200)
    #expect(drain(RetryBudget(), now: 0) == 200)
  }

  @Test(arguments: [(5, 1), (4, 0), (50, 10), (499, 99), (5000, 200)])
  func `five requests earn one try, up to the cap`(requests: Int, tries: Int) {
    let budget = RetryBudget()
    _ = drain(budget, now: start)
    for _ in 0..<requests { budget.deposit(now: start) }
    #expect(drain(budget, now: start) == tries)
  }

  @Test(arguments: [(0.3, 0), (0.34, 1), (1, 3), (10, 30), (3600, 200)])
  func `a second earns three tries, up to the cap`(elapsed: Double, tries: Int) {
    let budget = RetryBudget()
    _ = drain(budget, now: start)
    #expect(drain(budget, now: start + seconds(elapsed)) == tries)
  }

  @Test func `a full bucket stays full however many requests come`() {
    let budget = RetryBudget()
    for _ in 0..<10_000 { budget.deposit(now: start) }
    #expect(drain(budget, now: start) == 200)
  }

  @Test func `a clock that a worker read a little earlier does no harm`() {
    let budget = RetryBudget()
    _ = drain(budget, now: start)
    budget.deposit(now: start - seconds(1))
    #expect(drain(budget, now: start - seconds(1)) == 0)
    #expect(drain(budget, now: start + seconds(1)) == 3)
  }

  @Test func `workers together never take more than there is`() async {
    final class Shared: Sendable {
      let budget = RetryBudget()
      let taken = Atomic<Int>(0)
    }
    let shared = Shared()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<10_000 {
            shared.budget.deposit(now: start)
            if shared.budget.take(now: start) { shared.taken.add(1, ordering: .relaxed) }
          }
        }
      }
    }
    let taken = shared.taken.load(ordering: .relaxed)
    // 40 000 requests earn 8000; what came in while the bucket was full is lost.
    #expect(taken <= 8200)
    #expect(taken >= 200)
  }
}

@Suite("A part of the budget that hedges leave alone")
struct RetryBudgetReserveTests {
  @Test func `hedges take the upper half, retries all of it`() {
    let budget = RetryBudget()
    var hedges = 0
    while budget.take(now: seconds(1000), leaving: 100) { hedges += 1 }
    #expect(hedges == 100)
    var retries = 0
    while budget.take(now: seconds(1000)) { retries += 1 }
    #expect(retries == 100)
  }
}
