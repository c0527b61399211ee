internal import Calendar
import Etcd
import EventLoop
import TLS

extension ParserProperties {
  /// Whatever an etcd answers, with numbers from the ends of their types, listings end, watches go on,
  /// leases hold within bounds, dates and times can be reckoned with, and no plain secret is taken where
  /// there are encryption keys.
  package static func lyingEtcd(_ bytes: [UInt8]) -> String? {
    var input = FuzzInput(bytes)
    switch input.below(16) {
    case 0...11:
      var etcd = LyingEtcd(input)
      return etcd.watch()
    case 12: return lease(&input)
    case 13: return times(&input)
    case 14: return memberClock(&input)
    default: return LyingCertificates.judge(&input)
    }
  }

  private static func lease(_ input: inout FuzzInput) -> String? {
    var now = Instant(nanoseconds: input.number(Int64.self))
    let granted = EtcdWire.lease(&input)
    guard let response = try? LeaseGrantResponse(decoding: granted),
      var term = LeaseTerm(response, asked: now)
    else { return nil }
    guard term.id != 0 else { return "a lease without an identifier" }
    while !input.isEmpty {
      guard term.expiry - now <= LeaseTerm.longest else { return "a lease holds for ever" }
      if input.flag() { now = max(now, Instant(nanoseconds: input.number(Int64.self))) }
      var answer = EtcdWire.lease(&input)
      if input.flag() { answer += EtcdWire.number(2, term.id) }
      guard let response = try? LeaseKeepAliveResponse(decoding: answer) else { continue }
      let before = term
      switch term.renewed(by: response, now: now) {
      case .foreign, .gone:
        guard term == before else { return "a lease that was not renewed has changed" }
      case .holds:
        guard term.expiry >= now else { return "a lease was renewed into the past" }
      }
      _ = term.isOver(now: now)
    }
    return nil
  }

  private static func times(_ input: inout FuzzInput) -> String? {
    let (seconds, more) = (input.number(Int64.self), input.number(Int64.self))
    let time = WallTime.microseconds(seconds: seconds, nanoseconds: more)
    guard (0...(WallTime.secondsMax * 1_000_000 + 999_999)).contains(time) else {
      return "a time of \(time)"
    }
    for number in [seconds, more, time, time / 1_000_000] {
      guard UTC.text(number).utf8.count == 20 else { return "a time as \(UTC.text(number))" }
    }
    let (left, right) = (Instant(nanoseconds: seconds), Instant(nanoseconds: more))
    guard (left - right < .zero) == (left < right) else { return "a period with another sign" }
    _ = left.microseconds(since: right)
    _ = (left + .seconds(more)) + (left - right)
    return timers(&input, from: left)
  }

  private final class Fired: TimerTarget {
    var count = 0
    func timerFired(_ token: TimerToken) { count += 1 }
  }

  private static func timers(_ input: inout FuzzInput, from start: Instant) -> String? {
    let clock = ManualClock(start)
    guard input.isOnce(in: 8), let loop = try? EventLoop(clock: clock) else { return nil }
    let target = Fired()
    var armed = 0
    for _ in 0..<20 where !input.isEmpty {
      let token = loop.arm(target, at: Instant(nanoseconds: input.number(Int64.self)))
      armed += 1
      if input.isOnce(in: 4) {
        loop.cancel(token)
        armed -= 1
      }
      if input.flag() { clock.now = max(clock.now, Instant(nanoseconds: input.number(Int64.self))) }
      guard (try? loop.turn(mayWait: false)) != nil else { return "the loop has failed" }
      guard target.count <= armed else { return "a timer fired twice" }
    }
    return nil
  }

  private static func memberClock(_ input: inout FuzzInput) -> String? {
    var answer = octets("HTTP/1.1 200 OK\r\n")
    for _ in 0..<4 where !input.isEmpty {
      let year = input.number(Int16.self)
      let date = "Sun, \(input.below(40)) Nov \(year) \(input.below(30)):49:37 GMT"
      answer += octets("Date: ") + (input.flag() ? octets(date) : input.raw(29)) + octets("\r\n")
    }
    if input.flag() { answer += octets("\r\n") }
    guard case .said(let seconds?) = MemberClock.read(answer) else { return nil }
    let skew = WallTime.seconds - seconds
    guard abs(skew) < 1 << 40 else { return "a clock that is \(skew) s off" }
    return nil
  }
}

/// An etcd whose answers are chosen by an input, and a watch of `/w/` that believes in it.
private struct LyingEtcd {
  private var input: FuzzInput
  private var watching = Watching(.prefix(octets("/w/")))
  private var next = 0

  /// Pages of a listing here, and answers to it before it is said to go on for ever.
  private static let pagesMax = 40
  private static let answersMax = pagesMax + 16

  init(_ input: FuzzInput) { self.input = input }

  mutating func watch() -> String? {
    var step = watching.start()
    guard step == .list else { return "it does not begin with a listing" }
    for _ in 0..<400 {
      if input.isEmpty, step == .nothing { return nil }
      let before = watching.lastSeen
      switch step {
      case .list:
        switch list() {
        case .outcome(let outcome):
          if let complaint = complaint(outcome) { return complaint }
          step = outcome.step
        case .complaint(let complaint): return complaint
        }
        continue
      case .confirm:
        step = confirm()
      case .watch(let revision):
        guard let seen = watching.lastSeen, revision > seen || seen == .max else {
          return "a watch from \(revision) after \(String(describing: watching.lastSeen))"
        }
        step = .nothing
      case .wait(let pause):
        guard (Duration.milliseconds(50)...Backoff.longest).contains(pause) else {
          return "a pause of \(pause)"
        }
        guard !watching.isSynced else { return "in step while it waits" }
        step = watching.timerFired()
      case .nothing:
        let outcome = receive()
        if let complaint = complaint(outcome) { return complaint }
        step = outcome.step
      }
      guard (watching.lastSeen ?? 0) >= (before ?? 0) else { return "it went back" }
    }
    return nil
  }

  private func complaint(_ outcome: Watching.Outcome) -> String? {
    guard let changes = outcome.changes else { return nil }
    let told = changes.put.map(\.key) + changes.removed
    guard told.allSatisfy({ $0.starts(with: octets("/w/")) }) else { return "a foreign key" }
    return Set(told).count == told.count ? nil : "a key told twice"
  }

  // MARK: Answers

  private enum Listed { case outcome(Watching.Outcome), complaint(String) }

  private mutating func list() -> Listed {
    var listing = Listing(.prefix(octets("/w/")), pageKeysMax: 200, pagesMax: Self.pagesMax)
    let isEndless = input.isOnce(in: 64)
    var answer = range(isEndless: isEndless)
    for count in 0..<Self.answersMax {
      // Behind its end the input says the same again and again.
      if isEndless || !input.isEmpty || count == 0 { answer = range(isEndless: isEndless) }
      if !isEndless, input.isOnce(in: 16) {
        return .outcome(.init(watching.failed("refused")))
      }
      guard let response = try? RangeResponse(decoding: answer) else {
        if listing.askForLess() { continue }
        return .outcome(.init(watching.failed("malformed")))
      }
      switch listing.take(response) {
      case .ask:
        guard listing.request.revision >= 0 else { return .complaint("a page of the past") }
      case .whole(let header, let keyValues):
        return .outcome(watching.listed(header, keyValues))
      case .failed(let reason): return .outcome(.init(watching.failed(reason)))
      }
    }
    return .complaint("a listing does not end")
  }

  private mutating func range(isEndless: Bool) -> [UInt8] {
    if isEndless {
      next += 1
      let digits = String(next)
      let key = "/w/" + String(repeating: "0", count: max(0, 9 - digits.utf8.count)) + digits
      return EtcdWire.bytes(2, EtcdWire.bytes(1, octets(key))) + EtcdWire.number(3, 1)
    }
    var message = EtcdWire.bytes(1, header())
    for _ in 0..<input.below(4) { message += EtcdWire.bytes(2, keyValue()) }
    return message + EtcdWire.number(3, input.flag() ? 1 : 0)
      + EtcdWire.number(4, input.number(Int64.self))
  }

  private mutating func header() -> [UInt8] {
    EtcdWire.number(1, input.isOnce(in: 8) ? 9 : 7) + EtcdWire.number(3, revision())
      + EtcdWire.number(4, input.isOnce(in: 8) ? input.number(Int64.self) : 2)
  }

  private mutating func revision() -> Int64 {
    input.isOnce(in: 3) ? input.number(Int64.self) : Int64(input.below(16))
  }

  private mutating func keyValue() -> [UInt8] {
    let key = input.choice(["/w/a", "/w/b", "/w/c", "/w/", "/x", "", "/w/\u{7f}"])
    return EtcdWire.bytes(1, octets(key)) + EtcdWire.number(2, revision())
      + EtcdWire.number(3, revision())
      + EtcdWire.number(4, revision()) + EtcdWire.bytes(5, input.raw(input.below(3)))
  }

  private mutating func confirm() -> Watching.Step {
    if input.isOnce(in: 4) { return watching.failed("refused") }
    guard let response = try? RangeResponse(decoding: range(isEndless: false)) else {
      return watching.failed("malformed")
    }
    return watching.confirmed(response.header)
  }

  private mutating func receive() -> Watching.Outcome {
    var message = EtcdWire.bytes(1, header())
    switch input.below(8) {
    case 0: message += EtcdWire.number(3, 1)
    case 1: message += EtcdWire.number(4, 1) + EtcdWire.number(5, revision())
    case 2: message += EtcdWire.number(2, input.number(Int64.self))
    case 3: return .init(watching.failed("the stream ended"))
    default:
      for _ in 0...input.below(4) {
        let event = EtcdWire.number(1, input.flag() ? 1 : 0) + EtcdWire.bytes(2, keyValue())
        message += EtcdWire.bytes(11, event)
      }
      message += EtcdWire.number(7, input.isOnce(in: 4) ? 1 : 0)
    }
    guard let response = try? WatchResponse(decoding: message) else {
      return .init(watching.failed("malformed"))
    }
    return watching.received(response)
  }
}
