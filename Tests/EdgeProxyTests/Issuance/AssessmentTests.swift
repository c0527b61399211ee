import ACME
import Configuration
import Testing

@testable import EdgeProxy

@Suite("What is to be done about a certificate")
struct AssessmentTests {
  private static let day: Int64 = 86_400
  private static let start: Int64 = 1_800_000_000
  private static let first = "https://first.test/directory"
  private static let second = "https://second.test/directory"
  private let policy = IssuancePolicy(issuers: [first, second])
  private let now = start
  private let wanted = WantedCertificate(
    AcmeSettings.Wanted(names: ["a.test", "b.test"], challenge: .http), key: .ecdsa)

  private func facts(
    _ names: Set<String> = ["a.test", "b.test"], isRSA: Bool = false, age: Int64 = 0,
    days: Int64 = 90
  ) -> CertificateFacts {
    CertificateFacts(
      names: names, isRSA: isRSA, serial: "01", notBefore: now - age * Self.day,
      notAfter: now + (days - age) * Self.day)
  }

  private func assessed(_ matter: CertificateMatter) -> Assessment {
    Assessment.of(matter, policy, now: now)
  }

  @Test("one that is not there is ordered at the first CA")
  func missing() {
    let assessment = assessed(CertificateMatter(wanted: wanted))
    #expect(assessment.state == .due)
    #expect(assessment.issuer == Self.first)
  }

  @Test("a fresh one is served until two thirds of its life are over")
  func fresh() {
    let assessment = assessed(CertificateMatter(wanted: wanted, facts: facts()))
    #expect(assessment.state == .served)
    #expect((58...62).contains((assessment.next - now) / Self.day))
  }

  @Test("one that is served is told with the CA that issued it, where that is known")
  func giver() {
    var matter = CertificateMatter(wanted: wanted, facts: facts())
    #expect(assessed(matter).issuer.isEmpty)
    matter.renewal = IssuanceRecords.Renewal(serial: "01", issuer: Self.second)
    #expect(assessed(matter).issuer == Self.second)
    matter.renewal?.serial = "02"
    #expect(assessed(matter).issuer.isEmpty)
  }

  @Test("an old one, one with other names, or with another kind of key is ordered")
  func others() {
    for facts in [
      facts(age: 65), facts(["a.test"]), facts(["a.test", "b.test", "c.test"]), facts(isRSA: true),
    ] {
      #expect(assessed(CertificateMatter(wanted: wanted, facts: facts)).state == .due)
    }
  }

  @Test("one from a CA that is no longer configured is ordered, and one of unknown origin is not")
  func origin() {
    var matter = CertificateMatter(wanted: wanted, facts: facts())
    matter.renewal = IssuanceRecords.Renewal(serial: "01", issuer: "https://staging.test/")
    #expect(assessed(matter).state == .due)
    matter.renewal = IssuanceRecords.Renewal(serial: "02", issuer: "https://staging.test/")
    #expect(assessed(matter).state == .served)
  }

  @Test("the CA's time counts for the certificate that it was asked about, and no other")
  func suggested() {
    var matter = CertificateMatter(wanted: wanted, facts: facts())
    matter.renewal = IssuanceRecords.Renewal(
      serial: "01", issuer: Self.first, chosen: now - 5, askAgain: 0)
    #expect(assessed(matter).state == .due)
    #expect(assessed(matter).isSuggested)
    matter.renewal?.serial = "02"
    #expect(assessed(matter).state == .served)
  }

  @Test("one that was revoked is ordered")
  func revoked() {
    var matter = CertificateMatter(wanted: wanted, facts: facts())
    matter.renewal = IssuanceRecords.Renewal(serial: "01", issuer: Self.first, isRevoked: true)
    #expect(assessed(matter).state == .due)
    matter.journal.issued(at: now - 1000)
    matter.journal.issued(at: now - 500)
    #expect(assessed(matter).state == .due, "what is served is worth nothing")
  }

  @Test("a CA that wants every certificate renewed at once gets one a day")
  func suggestedAgain() {
    var matter = CertificateMatter(wanted: wanted, facts: facts())
    matter.renewal = IssuanceRecords.Renewal(serial: "01", issuer: Self.first, chosen: now - 5)
    matter.journal.issued(at: now - 1000)
    #expect(assessed(matter).state == .due)
    matter.journal.issued(at: now - 500)
    #expect(assessed(matter).state == .waiting)
    #expect(assessed(matter).next == now - 500 + Self.day)
  }

  @Test("a CA that limits accounts closes this one, whatever it was asked")
  func limitedAccount() {
    let error = ACMEError.status(429, retryAfter: .seconds(7200))
    let problem = IssuanceProblem(Accounts.Failure.client(error), now: now)
    #expect(problem.cause == .rateLimited(until: now + 7200, wholeAccount: true))
    #expect(IssuanceProblem(Accounts.Failure.clock(3600), now: now).cause == .other)
  }

  @Test("a third order of the same names in a week needs a reason")
  func thirdOrder() {
    var matter = CertificateMatter(wanted: wanted)
    matter.journal.issued(at: now - 1000)
    matter.journal.issued(at: now - 500)
    #expect(assessed(matter).state == .waiting)
    #expect(assessed(matter).next == now - 1000 + 7 * Self.day)
    matter.request = IssuanceRecords.Request(id: "1", what: .issue, at: now)
    #expect(assessed(matter).state == .waiting)
    matter.request?.isForced = true
    #expect(assessed(matter).state == .due)
  }

  @Test(
    "certificates of a day are renewed each day, as often as a week has halves of them",
    arguments: [86_400, 7200, 200_000] as [Int64])
  func shortLives(_ life: Int64) {
    var matter = CertificateMatter(wanted: wanted)
    var clock = now
    var issued = 0
    while clock < now + 7 * Self.day {
      let assessment = Assessment.of(matter, policy, now: clock)
      if let facts = matter.facts { #expect(clock < facts.notAfter) }
      guard assessment.state == .due else {
        clock = max(clock + 1, assessment.next)
        continue
      }
      issued += 1
      matter.facts = CertificateFacts(
        names: ["a.test", "b.test"], serial: "\(issued)", notBefore: clock, notAfter: clock + life)
      matter.renewal = IssuanceRecords.Renewal(serial: "\(issued)", issuer: Self.first)
      matter.journal.issued(at: clock)
    }
    let halves = 7 * Self.day / (life / 2)
    #expect((halves - halves / 20 - 1...halves + halves / 20 + 1).contains(Int64(issued)))
  }

  @Test("one that is old as soon as it was issued is not ordered again and again")
  func bornOld() {
    var matter = CertificateMatter(
      wanted: wanted,
      facts: CertificateFacts(
        names: ["a.test", "b.test"], serial: "01", notBefore: now - 80 * Self.day,
        notAfter: now + 9 * Self.day))
    matter.renewal = IssuanceRecords.Renewal(serial: "01", issuer: Self.first)
    matter.journal.issued(at: now - 20)
    matter.journal.issued(at: now - 10)
    #expect(assessed(matter).state == .waiting)
    #expect(assessed(matter).next == now - 10 + 3 * Self.day + 3)
  }

  @Test("an old one that was put back in the place of a new one is not renewed by its age")
  func putBack() {
    var matter = CertificateMatter(wanted: wanted, facts: facts(age: 89))
    matter.renewal = IssuanceRecords.Renewal(serial: "02", issuer: Self.first)
    matter.journal.issued(at: now - 1000)
    matter.journal.issued(at: now - 500)
    #expect(assessed(matter).state == .waiting)
    #expect(assessed(matter).next == now - 1000 + 7 * Self.day)
  }

  @Test("an operator's command does not wait for the end of a pause")
  func commands() {
    var matter = CertificateMatter(wanted: wanted)
    matter.order.attempts.failed(
      .validation, at: Self.first, problem: "no", issuers: policy.issuers, now: now)
    #expect(assessed(matter).state == .waiting)
    matter.request = IssuanceRecords.Request(id: "1", what: .renew, at: now)
    #expect(assessed(matter).state == .due)
  }

  @Test("an order under way goes on at its CA")
  func pending() {
    var matter = CertificateMatter(wanted: wanted)
    matter.order.pending = IssuanceRecords.Pending(
      issuer: Self.second, url: "https://second.test/order/1", key: "", names: ["a.test", "b.test"])
    #expect(assessed(matter).issuer == Self.second)
    #expect(assessed(matter).state == .due)
  }

  @Test("an account that a CA has closed leads to the next CA, and two closed ones are waited for")
  func closed() {
    var policy = policy
    policy.closed = [Self.first: now + 5000]
    let matter = CertificateMatter(wanted: wanted)
    #expect(Assessment.of(matter, policy, now: now).issuer == Self.second)
    policy.closed[Self.second] = now + 3000
    let assessment = Assessment.of(matter, policy, now: now)
    #expect(assessment.state == .waiting)
    #expect(assessment.next == now + 3000)
  }

  enum Trouble: CaseIterable { case validation, server, limited }

  @Test(
    "in ten weeks with a CA that fails, attempts stay bounded and all is renewed when it works again",
    arguments: Trouble.allCases)
  func tenWeeks(_ trouble: Trouble) {
    var matter = CertificateMatter(wanted: wanted, facts: facts(age: 20))
    let issuers = [Self.first]
    let policy = IssuancePolicy(issuers: issuers)
    let end = now + 70 * Self.day
    var clock = now
    var times: [Int64] = []
    while clock < end {
      let assessment = Assessment.of(matter, policy, now: clock)
      guard assessment.state == .due else {
        clock = max(clock + 1, assessment.next)
        continue
      }
      times.append(clock)
      let cause: IssuanceAttempts.Cause =
        switch trouble {
        case .validation: .validation
        case .server: .other
        case .limited: .rateLimited(until: clock + 60, wholeAccount: false)
        }
      matter.order.attempts.failed(
        cause, at: assessment.issuer, problem: "no", issuers: issuers, now: clock)
    }
    #expect(!times.isEmpty)
    #expect(times.count < 200)
    for time in times {
      #expect(times.count { $0 > time - 3600 && $0 <= time } <= (trouble == .validation ? 4 : 7))
      #expect(times.count { $0 > time - Self.day && $0 <= time } <= 14)
    }
    // It was due with a third of its life left, and is tried every six hours until its end.
    #expect((matter.facts?.notAfter ?? 0) - (times.first ?? 0) > 25 * Self.day)
    #expect((times.last ?? 0) > end - 7 * 3600)
  }
}

@Suite("Which certificates are wanted")
struct WantedCertificateTests {
  private let settings = AcmeSettings(
    termsAccepted: true, contacts: [],
    issuers: [AcmeSettings.Issuer(directory: "https://ca.test/", name: "ca")], certificates: [],
    dns: nil, routedHosts: true, authorityFile: "/ca.pem", renewAt: nil)

  @Test("a certificate is called after its first name, and a second kind of key by its kind")
  func names() {
    let wanted = AcmeSettings.Wanted(
      names: ["*.a.test", "a.test"], challenge: .dns, keys: [.ecdsa, .rsa])
    #expect(
      wanted.keys.map { WantedCertificate(wanted, key: $0).name }
        == ["_wildcard.a.test", "_wildcard.a.test_rsa"])
    let single = AcmeSettings.Wanted(names: ["b.test"], challenge: .http, keys: [.rsa])
    #expect(WantedCertificate(single, key: .rsa).name == "b.test")
  }

  @Test("a name that is nearly too long for DNS is not too long for a file")
  func longNames() {
    let label = String(repeating: "a", count: 60)
    let names = ["b", "c"].map { "\(label).\(label).\(label).\(label).\($0).test" }
    let stored = names.map {
      WantedCertificate(AcmeSettings.Wanted(names: [$0], challenge: .http), key: .rsa).name
    }
    #expect(Set(stored).count == 2)
    #expect(stored.allSatisfy { $0.utf8.count < 200 })
  }

  @Test("routed hosts that nothing covers get one each; names that no CA takes get none")
  func routed() {
    let configured = WantedCertificate(
      AcmeSettings.Wanted(names: ["*.c.test"], challenge: .dns), key: .ecdsa)
    let hosts = [
      "a.test", "b.test", "x.c.test", "127.0.0.1", "localhost", "*.d.test", "a.test", "e_f.test",
      "-", "y.x.c.test", "../a.test", "a/b.test", "",
    ]
    let found = UncoveredHosts.wanted(hosts, settings, besides: [configured]) { $0 == "b.test" }
    #expect(found.map(\.name) == ["a.test", "localhost", "y.x.c.test"])
  }

  @Test("endless hosts get certificates up to a bound")
  func bound() {
    let hosts = (0..<5000).map { "h\($0).test" }
    #expect(UncoveredHosts.wanted(hosts, settings, besides: []) { _ in false }.count == 1000)
  }
}
