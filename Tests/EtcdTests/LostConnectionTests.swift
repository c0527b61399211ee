import EventLoop
import TLS
import TestSupport
import Testing

@testable import Etcd

@Suite("A connection to etcd that ends")
struct LostConnectionTests {
  private static let header = EtcdWire.bytes(1, EtcdWire.number(1, 7) + EtcdWire.number(3, 5))
  private static let question = RangeRequest(.prefix(bytes("/c/"))).encoded()
  private static let within = Duration.seconds(20)

  /// Whoever heard that a call was lost had begun a connection, which was then dropped as if it were the one that had
  /// ended; the process ended when it opened.
  @Test(arguments: [false, true])
  func `leaves alone the one that begins when its calls are lost`(isEndedByMember: Bool) throws {
    let loop = try EventLoop()
    let silent = try ScriptedMember(on: loop) { _ in nil }
    let other = try ScriptedMember(on: loop) { $0 == .range ? Self.header : nil }
    let client = EtcdClient(
      EtcdSettings(endpoints: [silent.endpoint, other.endpoint], identity: ClientIdentity()),
      on: loop)
    var answers: [Result<[UInt8], CallError>] = []
    client.once(.range, Self.question, within: Self.within) { result in
      answers.append(result)
      client.once(.range, Self.question, within: Self.within) { answers.append($0) }
    }
    while silent.asked.isEmpty { try loop.turn(mayWait: true) }
    if isEndedByMember { silent.hangUp() } else { client.abandon("it is silent") }
    while answers.count < 2 { try loop.turn(mayWait: true) }
    #expect(throws: CallError.self) { try answers[0].get() }
    #expect(try answers[1].get() == Self.header)
    #expect(other.asked == [.range])
    client.close()
    silent.end()
    other.end()
  }
}
