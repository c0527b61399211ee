import FoundationEssentials
import Testing

@testable import ACME

@Suite("IssuanceAttempts at one certificate")
struct AttemptsTests {
  private let first = "https://first.test/directory"
  private let second = "https://second.test/directory"
  private let start: Int64 = 1_800_000_000

  @Test("the wait grows from a minute to six hours and stays there")
  func waitsGrow() {
    var attempts = IssuanceAttempts()
    var now = start
    var waits: [Int64] = []
    for _ in 0..<14 {
      attempts.failed(.other, at: first, problem: "no", issuers: [first], now: now)
      let at = attempts.next([first], now: now).at
      waits.append((at - now) / 60)
      now = at
    }
    #expect(waits == [1, 2, 2, 5, 10, 30, 60, 120, 240, 360, 360, 360, 360, 360])
  }

  @Test("a million failures overflow nothing and wait no longer")
  func nothingOverflows() {
    var attempts = IssuanceAttempts()
    for number in 0..<1_000_000 {
      attempts.failed(
        .other, at: first, problem: "no", issuers: [first, second], now: start + Int64(number))
    }
    let now = start + 1_000_000
    #expect((1...21_600).contains(attempts.next([first, second], now: now).at - now + 1))
    #expect(attempts.failures == 1_000_000)
  }

  @Test("four validations fail in an hour, and the fifth waits until the first is an hour ago")
  func validationsAreCounted() {
    var attempts = IssuanceAttempts()
    var now = start
    var times: [Int64] = []
    for _ in 0..<40 {
      times.append(now)
      attempts.failed(.validation, at: first, problem: "no", issuers: [first], now: now)
      now = attempts.next([first], now: now).at
    }
    for time in times {
      #expect(times.filter { $0 > time - 3600 && $0 <= time }.count <= 4)
    }
    #expect(times[4] == times[0] + 3600)
  }

  @Test("after three failures the next CA has its turn, and after the last the first again")
  func issuersTakeTurns() {
    var attempts = IssuanceAttempts()
    var asked: [String] = []
    var now = start
    for _ in 0..<8 {
      let next = attempts.next([first, second], now: now)
      now = next.at
      asked.append(next.issuer)
      attempts.failed(.other, at: next.issuer, problem: "no", issuers: [first, second], now: now)
    }
    #expect(asked == [first, first, first, second, second, second, first, first])
  }

  @Test(
    "a limit of one CA leads to the next at once, and the limited one rests for an hour at least")
  func limitsAreKept() {
    var attempts = IssuanceAttempts()
    attempts.failed(
      .rateLimited(until: start + 10, wholeAccount: false), at: first, problem: "too many",
      issuers: [first, second], now: start)
    #expect(attempts.next([first, second], now: start) == (second, start))
    attempts.failed(
      .rateLimited(until: start + 90_000, wholeAccount: false), at: second, problem: "too many",
      issuers: [first, second], now: start)
    #expect(attempts.next([first, second], now: start) == (first, start + 3600))
  }

  @Test("a CA that wants to rest for ever is asked again after two weeks")
  func restsEnd() {
    var attempts = IssuanceAttempts()
    attempts.failed(
      .rateLimited(until: .max, wholeAccount: false), at: first, problem: "no", issuers: [first],
      now: start)
    #expect(attempts.next([first], now: start).at == start + 14 * 86_400)
  }

  @Test("a CA that is no longer configured is not asked")
  func formerIssuersAreForgotten() {
    var attempts = IssuanceAttempts()
    attempts.failed(
      .rateLimited(until: start, wholeAccount: false), at: first, problem: "no",
      issuers: [first, second], now: start)
    #expect(attempts.next(["https://third.test/"], now: start).issuer == "https://third.test/")
  }

  @Test("what was our own trouble is tried again soon, and no other CA is asked for it")
  func ownTrouble() {
    var attempts = IssuanceAttempts()
    var now = start
    var waits: [Int64] = []
    for _ in 0..<8 {
      attempts.failed(.ours, at: first, problem: "etcd", issuers: [first, second], now: now)
      let next = attempts.next([first, second], now: now)
      #expect(next.issuer == first)
      waits.append(next.at - now)
      now = next.at
    }
    #expect(waits == [10, 20, 30, 40, 50, 60, 60, 60])
  }

  @Test("a long problem is cut")
  func problemsAreCut() {
    var attempts = IssuanceAttempts()
    attempts.failed(
      .other, at: first, problem: String(repeating: "ü", count: 5000), issuers: [first], now: start)
    #expect((attempts.last?.problem.utf8.count ?? 0) < 1100)
  }

  @Test("a clock that goes back does not block for ever")
  func clocksGoBack() {
    var attempts = IssuanceAttempts()
    for _ in 0..<4 {
      attempts.failed(.validation, at: first, problem: "no", issuers: [first], now: start)
    }
    attempts.failed(.validation, at: first, problem: "no", issuers: [first], now: start - 900_000)
    #expect(attempts.next([first], now: start - 900_000).at <= start - 900_000 + 3600)
  }
}

@Suite("Records of attempts that somebody has spoilt")
struct SpoiltAttemptsTests {
  private static let numbers = ["0", "-1", "9223372036854775807", "-9223372036854775808"]

  @Test("numbers at the ends of what there is do not trap", arguments: numbers, numbers)
  func extremes(_ first: String, _ second: String) throws {
    let text = """
      {"there": \(first), "failures": \(second), "notBefore": \(first),
       "validations": [\(first), \(second), \(first), \(second), \(first)],
       "closed": {"https://a.test/": \(second)}}
      """
    var attempts = try JSONDecoder().decode(IssuanceAttempts.self, from: Data(text.utf8))
    let issuers = ["https://a.test/", "https://b.test/"]
    _ = attempts.next(issuers, now: 1_800_000_000)
    for cause in [
      IssuanceAttempts.Cause.validation, .other, .rateLimited(until: .max, wholeAccount: true),
    ] {
      attempts.failed(
        cause, at: issuers[0], problem: "", issuers: issuers, now: 1_800_000_000)
    }
    var allowance = try JSONDecoder().decode(
      OrderAllowance.self, from: Data("{\"left\": \(first), \"at\": \(second)}".utf8))
    #expect(allowance.opens(now: 1_800_000_000) >= 1_800_000_000)
    allowance.ordered(now: 1_800_000_000)
    var journal = try JSONDecoder().decode(
      IssuanceJournal.self, from: Data("{\"times\": [\(first), \(second)]}".utf8))
    #expect(journal.opens(now: 1_800_000_000) == 1_800_000_000)
    journal.issued(at: 1_800_000_000)
  }
}

@Suite("When certificates are renewed")
struct RenewalPlanTests {
  private let day: Int64 = 86_400

  @Test("after two thirds of a long life, and half of a short one, two hundredths more or less")
  func byLifetime() {
    for (days, part) in [(90, 667), (47, 667), (6, 500), (1, 500)] as [(Int64, Int64)] {
      for number in 0..<50 {
        let time = RenewalPlan.time(
          notBefore: 1_000_000, notAfter: 1_000_000 + days * day, seed: Array("\(number)".utf8))
        let thousandths = (time - 1_000_000) * 1000 / (days * day)
        #expect((part - 21...part + 21).contains(thousandths))
      }
    }
  }

  @Test("certificates of one day are spread")
  func spread() {
    let times = (0..<100).map {
      RenewalPlan.time(notBefore: 0, notAfter: 90 * day, seed: Array("host-\($0)".utf8))
    }
    #expect(Set(times).count > 20)
    #expect((times.max() ?? 0) - (times.min() ?? 0) > day)
  }

  @Test("the operator's part counts, and nonsense is bounded")
  func byOperator() {
    for part in [0.5, 0.9, -1.0, 40.0, .nan, .infinity] {
      let time = RenewalPlan.time(notBefore: 0, notAfter: 100 * day, part: part, seed: [1])
      #expect((0...100 * day).contains(time))
    }
    let time = RenewalPlan.time(notBefore: 0, notAfter: 100 * day, part: 0.9, seed: [1])
    #expect((87 * day...93 * day).contains(time))
  }

  @Test("times at the ends of what a number can be do not trap")
  func extremes() {
    for (from, until) in [(Int64.min, Int64.max), (0, .max), (.min, 0), (5, -5)] {
      _ = RenewalPlan.time(notBefore: from, notAfter: max(from, until), seed: [])
      _ = RenewalPlan.time(
        window: min(from, until)...max(from, until), notBefore: 0, notAfter: 90 * day,
        random: 999_999)
    }
  }

  @Test("a time in the CA's window is chosen, never later than a twelfth before the end")
  func byWindow() {
    for random in [0, 1, 500_000, 999_999] as [UInt32] {
      let time = RenewalPlan.time(
        window: 60 * day...62 * day, notBefore: 0, notAfter: 90 * day, random: random)
      #expect((60 * day...62 * day).contains(time))
    }
    let late = RenewalPlan.time(
      window: 100 * day...101 * day, notBefore: 0, notAfter: 90 * day, random: 0)
    #expect(late == 90 * day - 90 * day / 12)
    let past = RenewalPlan.time(
      window: -3 * day...(-2 * day), notBefore: 0, notAfter: 90 * day, random: 0)
    #expect(past < 0)
  }

  @Test("a CA is asked again within an hour and a day")
  func questions() {
    #expect(RenewalPlan.nextQuestion(after: nil, now: 0) == 6 * 3600)
    #expect(RenewalPlan.nextQuestion(after: 1, now: 0) == 3600)
    #expect(RenewalPlan.nextQuestion(after: .max, now: 0) == day)
    #expect(RenewalPlan.nextQuestion(after: -5, now: 0) == 3600)
  }
}

@Suite("Orders of the same names, and of one account")
struct OrderCountTests {
  private let start: Int64 = 1_800_000_000

  @Test("a third certificate for the same names waits until the first is a week old")
  func duplicates() {
    var journal = IssuanceJournal()
    #expect(journal.opens(now: start) == start)
    journal.issued(at: start)
    journal.issued(at: start + 100)
    #expect(journal.opens(now: start + 200) == start + 7 * 86_400)
    #expect(journal.opens(now: start + 7 * 86_400) == start + 7 * 86_400)
    #expect(!journal.isEmpty(now: start + 200))
    #expect(journal.isEmpty(now: start + 8 * 86_400))
  }

  @Test("a CA that wants a renewal gets it at once, and after two in a week once a day")
  func suggestions() {
    var journal = IssuanceJournal()
    journal.issued(at: start)
    let end = start + 90 * 86_400
    #expect(journal.opens(suggestedFor: end, now: start + 10) == start + 10)
    journal.issued(at: start + 100)
    #expect(journal.opens(suggestedFor: end, now: start + 200) == start + 100 + 86_400)
    #expect(journal.opens(suggestedFor: end, now: start + 90_000) == start + 90_000)
    #expect(journal.opens(suggestedFor: start + 3700, now: start + 200) == start + 1300)
    #expect(journal.opens(suggestedFor: .min, now: start + 105) == start + 110)
  }

  @Test("no three hours have more than 300 orders, however they are spread")
  func allowance() {
    var allowance = OrderAllowance(now: start)
    var now = start
    var times: [Int64] = []
    for _ in 0..<2000 {
      now = allowance.opens(now: now)
      allowance.ordered(now: now)
      times.append(now)
    }
    for (index, time) in times.enumerated() where index >= 500 {
      #expect(times.count { $0 > time - 10_800 && $0 <= time } <= 300)
    }
    #expect(times[249] == start)
    #expect(times[250] > start)
  }

  @Test("an account that rests gets its whole allowance back")
  func allowanceComesBack() {
    var allowance = OrderAllowance(now: start)
    for _ in 0..<250 { allowance.ordered(now: start) }
    #expect(allowance.opens(now: start) > start)
    let later = start + 4 * 3600
    for _ in 0..<250 {
      #expect(allowance.opens(now: later) == later)
      allowance.ordered(now: later)
    }
    #expect(allowance.opens(now: later) > later)
  }
}
