import Etcd
import TestSupport
import Testing

@testable import EdgeProxy

extension Order {
  /// One that says no more than it has to.
  init(_ state: State, until: Int64? = nil, user: String = "root") {
    self.init(state: state, at: 1, server: "edge1", user: user, until: until, reason: "")
  }
}

extension OrderSubject {
  static func of(_ name: String) throws -> OrderSubject { try OrderSubject(name: name[...]) }
}

@Suite("All orders that a server knows")
struct OrderBookTests {
  private static let prefix = octets("/e/operations/")
  private let node: OrderSubject
  private let host: OrderSubject

  init() throws {
    node = try .of("nodes/10.0.0.5:3031")
    host = try .of("hosts/a.test")
  }

  private func told(_ values: [String: String], removed: [String] = []) -> Changes {
    Changes(
      put: values.sorted { $0.key < $1.key }.map {
        KeyValue(key: Self.prefix + octets($0.key), value: octets($0.value))
      }, removed: removed.map { Self.prefix + octets($0) })
  }

  private static func value(_ state: Order.State) -> String { text(Order(state).value.span) }

  @Test func `are those that etcd has, and no more once it has told all`() throws {
    var book = OrderBook(fleet: [node: Order(.disabled), host: Order(.paused)])
    book.take(
      told([node.name: Self.value(.draining)]), prefix: Self.prefix, isWhole: true)
    #expect(book.all.map(\.subject) == [node])
    #expect(book.order(of: node)?.state == .draining)
    book.take(told([host.name: Self.value(.maintenance)]), prefix: Self.prefix, isWhole: false)
    #expect(book.order(of: host)?.state == .maintenance && book.order(of: node) != nil)
    book.take(told([:], removed: [node.name]), prefix: Self.prefix, isWhole: false)
    #expect(book.all.map(\.subject) == [host])
  }

  @Test(arguments: [true, false])
  func `do not change where a value cannot be read`(isWhole: Bool) throws {
    var book = OrderBook(fleet: [node: Order(.disabled)])
    book.take(
      told([
        node.name: "enabled", host.name: Self.value(.disabled), "nodes/x": Self.value(.disabled),
        "else": Self.value(.disabled),
      ]), prefix: Self.prefix, isWhole: isWhole)
    #expect(book.fleet == [node: Order(.disabled)])
    #expect(
      book.refusals == [
        node.name: "its form is none of version 1", host.name: "it is an order for nodes",
        "nodes/x": "its key names no node", "else": "its key names neither a node nor a host",
      ])
    book.take(
      told([host.name: Self.value(.paused)], removed: ["nodes/x", "else"]), prefix: Self.prefix,
      isWhole: false)
    #expect(Set(book.refusals.keys) == [node.name])
    book.take(told([:], removed: [node.name]), prefix: Self.prefix, isWhole: false)
    #expect(book.refusals.isEmpty && book.all.map(\.subject) == [host])
  }

  @Test func `are bounded`() throws {
    let many = Dictionary(
      uniqueKeysWithValues: (0...OrderBook.countMax).map {
        ("hosts/h\($0).test", Self.value(.maintenance))
      })
    var book = OrderBook()
    book.take(told(many), prefix: Self.prefix, isWhole: true)
    #expect(book.fleet.count == OrderBook.countMax && book.refusals.count == 1)
  }

  @Test func `of the fleet and of the server itself the stricter one counts`() throws {
    var book = OrderBook(fleet: [node: Order(.draining)])
    #expect(!book.isOwn(node))
    book.set(Order(.disabled, user: "eve"), of: node)
    #expect(book.order(of: node)?.user == "eve" && book.isOwn(node))
    book.set(Order(.draining, user: "eve"), of: node)
    book.take(Order(.disabled), of: node)
    #expect(book.order(of: node)?.user == "root" && !book.isOwn(node))
    book.set(nil, of: node)
    #expect(book.order(of: node)?.state == .disabled)
  }

  @Test func `are the server's own where there is no fleet any more`() throws {
    var book = OrderBook(
      fleet: [node: Order(.disabled), host: Order(.paused)],
      own: [node: Order(.draining), host: Order(.paused, user: "eve")])
    book.adopt()
    #expect(book.fleet.isEmpty)
    #expect(book.own == [node: Order(.disabled), host: Order(.paused, user: "eve")])
  }

  @Test func `end by themselves, those of the fleet only where etcd does not do it`() throws {
    let other = try OrderSubject.of("hosts/b.test")
    var book = OrderBook(
      fleet: [host: Order(.paused, until: 100)],
      own: [other: Order(.paused, until: 100), node: Order(.disabled)])
    book.expire(now: 99, fleet: true)
    #expect(book.all.count == 3)
    book.expire(now: 100, fleet: false)
    #expect(book.all.map(\.subject) == [host, node])
    book.expire(now: 100, fleet: true)
    #expect(book.all.map(\.subject) == [node])
  }
}

@Suite("Orders on disk")
struct OrderCopyTests {
  @Test func `are read as they were saved`() throws {
    let directory = try TemporaryDirectory()
    let copy = OrderCopy(state: directory.path)
    #expect(copy.load().book.isEmpty && copy.load().mistakes.isEmpty)
    let book = try OrderBook(
      fleet: [.of("hosts/*"): Order(.maintenance, until: 7)],
      own: [.of("nodes/edge1%2Funix:%2Frun%2Fx"): Order(.draining)])
    #expect(copy.save(book) == nil)
    #expect(OrderCopy(state: directory.path).load().book == book)
    #expect(copy.save(OrderBook()) == nil && copy.load().book.isEmpty)
  }

  @Test func `lose only what is damaged`() throws {
    let good = text(Order(.paused).value.span)
    let bytes = octets(
      "fleet hosts/a.test \(good)\nrubbish\nown hosts/A.test \(good)\nown hosts/b.test 1 st\n"
        + "other hosts/c.test \(good)\nown hosts/d.test \(good)")
    let (book, mistakes) = OrderCopy.decode(bytes)
    #expect(try book.fleet == [.of("hosts/a.test"): Order(.paused)])
    #expect(try book.own == [.of("hosts/d.test"): Order(.paused)])
    #expect(mistakes.count == 4)
  }

  @Test func `that cannot be saved are told`() throws {
    let directory = try TemporaryDirectory()
    let copy = OrderCopy(state: directory.path + "/no/such")
    let book = try OrderBook(own: [.of("hosts/a.test"): Order(.paused)])
    #expect(copy.save(book)?.contains("No such file or directory") ?? false)
  }
}
