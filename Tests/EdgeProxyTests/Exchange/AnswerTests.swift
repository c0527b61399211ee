import Testing

@testable import EdgeProxy

@Suite("An answer has one source")
struct AnswerTests {
  @Test func `an answer that has begun stays the only one`() {
    var answer = Answer()
    #expect(!answer.hasBegun)
    answer.begin(from: .file)
    answer.begin(from: .instance(.untilClose))
    guard case .file = answer.source else {
      Issue.record("another answer has begun")
      return
    }
    answer.advance(to: .untilClose)
    #expect(answer.hasBegun && !answer.comesFromInstance)
  }

  @Test func `nothing is given or ended before it has begun`() {
    var answer = Answer()
    answer.give()
    answer.end()
    #expect(!answer.hasBegun)
  }

  @Test func `an answer ends once, and only when all of it was given`() {
    var answer = Answer()
    answer.begin(from: .instance(.length(remaining: 1)))
    #expect(answer.hasLength)
    answer.end()
    #expect(answer.comesFromInstance)
    answer.give()
    #expect(!answer.comesFromInstance && answer.hasBegun)
    answer.end()
    guard case .ended = answer.source else {
      Issue.record("it has not ended")
      return
    }
  }
}
