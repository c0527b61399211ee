internal import CertStore

/// The orders on disk, so that they are in force before the first request after a restart.
///
/// One file, `operations/orders` in the state directory, replaced whole, with a line for each order: `fleet` or
/// `own`, what its key is called, and its value.
struct OrderCopy {
  private let directory: PrivateDirectory
  private static let fileName = "orders"
  private static let bytesMax = 64 << 20

  init(state: String) { directory = PrivateDirectory(path: state + "/operations") }

  /// What can be read of what was saved, and what cannot: a damaged line costs itself.
  func load() -> (book: OrderBook, mistakes: [String]) {
    do throws(CopyError) {
      guard let bytes = try directory.read(Self.fileName, bytesMax: Self.bytesMax) else {
        return (OrderBook(), [])
      }
      return Self.decode(bytes)
    } catch {
      return (OrderBook(), ["\(error)"])
    }
  }

  static func decode(_ bytes: [UInt8]) -> (book: OrderBook, mistakes: [String]) {
    var orders: [Substring: [OrderSubject: Order]] = ["fleet": [:], "own": [:]]
    var mistakes: [String] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let text = String(decoding: line, as: UTF8.self)
      let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
      do throws(OrderRefusal) {
        guard words.count == 3, orders[words[0]] != nil else {
          throw OrderRefusal("it is no line of this file")
        }
        let subject = try OrderSubject(name: words[1])
        orders[words[0]]?[subject] = try Order(value: Array(words[2].utf8))
      } catch {
        mistakes.append("'\(KeyText.text(Array(line.prefix(64))))': \(error.reason)")
      }
    }
    return (OrderBook(fleet: orders["fleet"] ?? [:], own: orders["own"] ?? [:]), mistakes)
  }

  static func encode(_ book: OrderBook) -> [UInt8] {
    func lines(_ kind: String, _ orders: [OrderSubject: Order]) -> [UInt8] {
      orders.sorted { $0.key.name < $1.key.name }.flatMap { subject, order in
        Array("\(kind) \(subject.name) ".utf8) + order.value + [UInt8(ascii: "\n")]
      }
    }
    return lines("fleet", book.fleet) + lines("own", book.own)
  }

  /// Returns why it could not be saved; `nil` when it could, and lasts.
  func save(_ book: OrderBook) -> String? {
    let bytes = Self.encode(book)
    do throws(CopyError) {
      let saved = try directory.read(Self.fileName, bytesMax: Self.bytesMax)
      guard saved ?? [] != bytes else { return nil }
      try directory.prepare()
      try directory.write(Self.fileName, bytes)
      try directory.sync()
      return nil
    } catch {
      return "\(error)"
    }
  }
}
