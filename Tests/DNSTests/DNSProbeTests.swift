import DNS
import DNSCore
import EventLoop
import TestSupport
import Testing

@Suite("One question to one server")
struct DNSProbeTests {
  private let loop: EventLoop
  private let clock = ManualClock()
  private let question: DNSQuestion

  init() throws {
    loop = try EventLoop(clock: clock)
    question = DNSQuestion(name: try #require(DNSName("a.test")), type: .ipv4)
  }

  private final class Told { var outcomes: [DNSProbe.Outcome] = [] }

  private func ask(
    _ server: SocketAddress, _ carrier: DNSCall.Carrier
  ) throws -> DNSProbe.Outcome {
    let told = Told()
    let probe = DNSProbe(question, at: server, over: carrier, on: loop) {
      told.outcomes.append($0)
    }
    #expect(told.outcomes.isEmpty)
    while told.outcomes.isEmpty { try loop.turn(mayWait: true) }
    return try withExtendedLifetime(probe) { try #require(told.outcomes.first) }
  }

  @Test(arguments: [DNSCall.Carrier.udp, .tcp])
  func `an error is an answer, and so is one that was cut`(_ carrier: DNSCall.Carrier) throws {
    for (code, isTruncated) in [(DNSCode.refused, false), (.serverFailed, false), (.noError, true)]
    {
      let server = try ScriptedNameServer(on: loop) { message, _ in
        clock.advance(by: .milliseconds(3))
        return [NameServerAnswers.answer(to: message, code, isTruncated: isTruncated)]
      }
      let answer = try ask(server.address, carrier).get()
      #expect(answer.message.code == code && answer.message.isTruncated == isTruncated)
      #expect(answer.after == .milliseconds(3))
      #expect(server.asked.map(\.carrier) == [carrier])
      #expect(server.asked.first?.message.wantsRecursion == false)
      #expect(server.asked.first?.message.questions == [question])
      server.end()
    }
  }

  @Test func `silence ends with its time`() throws {
    let server = try ScriptedNameServer(on: loop) { _, _ in
      clock.advance(by: .seconds(4))
      return []
    }
    #expect(try ask(server.address, .udp) == .failure(.timedOut))
    server.end()
  }

  @Test func `nothing is told of one that was given up`() throws {
    let server = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message)]
    }
    let told = Told()
    let probe = DNSProbe(question, at: server.address, over: .udp, on: loop) {
      told.outcomes.append($0)
    }
    probe.cancel()
    while server.asked.isEmpty { try loop.turn(mayWait: true) }
    while try loop.turn(mayWait: false) {}
    #expect(told.outcomes.isEmpty)
    server.end()
  }
}
