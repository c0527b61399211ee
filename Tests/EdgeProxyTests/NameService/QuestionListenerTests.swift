import DNSCore
import EventLoop
import Glibc
import Testing

@testable import EdgeProxy

@Suite("Connections to the name service")
struct QuestionListenerTests {
  @Test func `are few of one network, and others still get in`() throws {
    let desk = try DeskFixture()
    let most = ZoneDesk.connectionsPerNetworkMax
    let clients = try (0..<most).map { try desk.connect(from: "127.1.1.\($0 + 1)") }
    let refused = try (0..<20).map { try desk.connect(from: "127.1.1.\($0 + 100)") }
    for client in refused { try desk.settle(untilEnded: client) }
    #expect(desk.counts.refused.now == 20 && desk.desk.connections.count == most)
    let other = try desk.connect(from: "127.1.2.1")
    for client in clients + [other] {
      client.send(try Question.framed(id: 4))
      #expect(try desk.answers(1, to: client).map(\.id) == [4])
    }
    // One that goes makes room for one.
    clients[0].close()
    try desk.settle(until: { desk.desk.connections.count == most })
    let next = try desk.connect(from: "127.1.1.77")
    next.send(try Question.framed(id: 5))
    #expect(try desk.answers(1, to: next).map(\.id) == [5])
  }

  @Test func `make room for newcomers, first those that have not asked`() throws {
    let desk = try DeskFixture()
    let asking = try desk.connect(from: "127.2.0.1")
    asking.send(try Question.framed())
    #expect(try desk.answers(1, to: asking).count == 1)
    let silent = try (1..<ZoneDesk.connectionsMax).map { number in
      desk.clock.advance(by: .milliseconds(10))
      return try desk.connect(from: "127.2.\(number / 16 + 1).\(number % 16 + 1)")
    }
    #expect(desk.desk.connections.count == ZoneDesk.connectionsMax)
    let newcomers = try (0..<5).map { try desk.connect(from: "127.3.\($0).1") }
    #expect(desk.desk.connections.count == ZoneDesk.connectionsMax)
    #expect(desk.counts.displaced.now == 5)
    for client in silent.prefix(5) { try desk.settle(untilEnded: client) }
    for client in [asking, silent[5]] + newcomers {
      client.send(try Question.framed(id: 6))
      #expect(try desk.answers(1, to: client).map(\.id) == [6])
    }
  }

  @Test func `go on when their address is closed`() throws {
    let desk = try DeskFixture()
    let client = try desk.connect()
    desk.desk.close(desk.address, .tcp)
    client.send(try Question.framed(id: 8))
    #expect(try desk.answers(1, to: client).map(\.id) == [8])
    let late = try Loopback.connect(to: desk.address, from: "127.0.0.1")
    _ = late.read()
    #expect(late.isEnded)
  }

  @Test func `wait without a spinning loop while there are no descriptors`() async {
    await #expect(processExitsWith: .success) {
      let desk = try DeskFixture()
      let early = try desk.connect()
      let late = try Loopback.connect(to: desk.address, from: "127.0.0.1")
      late.send(try Question.framed(id: 2))
      let taken = Descriptors.takeAll()
      // The first turn finds that there is none.
      try desk.settle()
      for _ in 0..<20 {
        guard try !desk.loop.turn(mayWait: false) else { exit(2) }
      }
      guard desk.counts.accepted.now == 1, desk.log.take().count == 1 else { exit(3) }
      // Those that are open go on.
      early.send(try Question.framed(id: 1))
      guard try desk.answers(1, to: early).map(\.id) == [1] else { exit(4) }
      desk.clock.advance(by: QuestionListener.pause + .milliseconds(20))
      try desk.settle()
      guard desk.counts.accepted.now == 1, desk.log.take().isEmpty else { exit(5) }
      for descriptor in taken { close(descriptor) }
      desk.clock.advance(by: QuestionListener.pause + .milliseconds(20))
      guard try desk.answers(1, to: late).map(\.id) == [2] else { exit(6) }
    }
  }

  @Test func `leave no descriptor behind, however they end`() async {
    await #expect(processExitsWith: .success) {
      let desk = try DeskFixture()
      let before = Descriptors.count
      for round in 0..<20 {
        let clients = try (0..<20).map {
          try desk.connect(from: "127.4.\($0 % 3).\(round + 1)", receiveBytes: 4096)
        }
        for (number, client) in clients.enumerated() {
          switch number % 7 {
          case 0: client.send([0])
          case 1: client.send([0, 0])
          case 2: client.send([0xff, 0xff] + [UInt8](repeating: 0, count: 1000))
          case 3: client.reset()
          case 4: client.close()
          case 5: client.send(try Question.framed() + [0, 1])
          default: client.endSending()
          }
        }
        try desk.settle()
        desk.clock.advance(by: QuestionConnection.idleTimeout * 2)
        try desk.settle(until: { desk.desk.connections.isEmpty })
        for client in clients { client.close() }
      }
      guard Descriptors.count == before else { exit(2) }
      guard desk.counts.connections.now == 0, desk.counts.accepted.now == 400 else { exit(3) }
    }
  }
}

/// The descriptors of this process; for processes of a test.
private enum Descriptors {
  static var count: Int { (0..<4096).filter { fcntl($0, F_GETFD) >= 0 }.count }

  /// Takes all that the process may still have.
  static func takeAll() -> [Int32] {
    var few = rlimit(rlim_cur: 256, rlim_max: 256)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few)
    var taken: [Int32] = []
    while true {
      let next = dup(0)
      guard next >= 0 else { return taken }
      taken.append(next)
    }
  }
}
