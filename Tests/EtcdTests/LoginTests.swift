import EventLoop
import TLS
import TestSupport
import Testing

@testable import Etcd

@Suite("When to log in to etcd")
struct LoginTests {
  private static let refused = CallError.refused(GRPCStatus(.invalidArgument, "invalid password"))
  private var login = Login(hasCredentials: true, random: SeededRandom(seed: 1))

  private mutating func logIn(_ token: String) {
    #expect(login.wanted() == .ask)
    login.granted(token)
  }

  @Test mutating func `the first call logs in, and the others wait for its token`() {
    #expect(login.wanted() == .ask)
    #expect(login.wanted() == .wait)
    login.granted("a")
    #expect(login.wanted() == .goOn)
    #expect(login.token == "a")
  }

  @Test mutating func `a token that worked and is refused is replaced at once`() {
    logIn("a")
    login.proved("a")
    login.refused("a")
    #expect(login.token == nil)
    #expect(login.wanted() == .ask)
  }

  @Test mutating func `a call that began before the last login does not undo it`() {
    logIn("a")
    login.proved("a")
    login.refused("a")
    logIn("b")
    login.refused("a")
    login.refused(nil)
    #expect(login.token == "b")
  }

  @Test mutating func `tokens that no call is answered with are asked for after growing pauses`() {
    logIn("a")
    var pauses: [Duration] = []
    for _ in 0..<8 {
      login.refused(login.token)
      guard case .pause(let pause) = login.wanted() else { return #expect(Bool(false), "no pause") }
      pauses.append(pause)
      #expect(login.wanted() == .wait)
      login.pauseIsOver()
      login.granted("b")
    }
    #expect(pauses[0] <= .milliseconds(100))
    #expect((.milliseconds(500)...(.seconds(1))).contains(pauses[7]))
    login.proved("b")
    login.refused("b")
    #expect(login.wanted() == .ask)
  }

  @Test mutating func `a login that etcd refused is tried again after a pause`() {
    #expect(login.wanted() == .ask)
    login.failed(Self.refused)
    guard case .pause = login.wanted() else { return #expect(Bool(false), "no pause") }
  }

  @Test mutating func `a login that did not reach etcd is tried again with the next call`() {
    #expect(login.wanted() == .ask)
    login.failed(.unreachable(reason: "reset", mayHaveArrived: false))
    #expect(login.wanted() == .ask)
  }

  @Test mutating func `users that are switched on later are logged in to`() {
    #expect(login.wanted() == .ask)
    login.isNeedless()
    #expect(login.wanted() == .goOn)
    login.refused(nil)
    #expect(login.wanted() == .ask)
  }

  @Test func `without a password nothing is ever asked for`() {
    var login = Login(hasCredentials: false)
    login.refused(nil)
    #expect(login.wanted() == .goOn)
  }
}
