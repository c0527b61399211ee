import EventLoop
import TestSupport

@testable import EdgeProxy

/// What one client may ask for: a path under each route of `ServingFuzz`.
struct FuzzedRequest {
  let method: String
  let path: String
  let id: Int
  /// A field that makes a file's answer a part of it, or a coding acceptable.
  let fields: [(name: String, value: String)]

  private static let methods = ["GET", "GET", "GET", "HEAD", "HEAD", "POST", "PUT", "OPTIONS"]

  init(_ method: String, _ path: String, _ id: Int) {
    self.method = method
    self.path = path
    self.id = id
    fields = []
  }

  init(_ choices: inout Choices, _ ledger: AnswerLedger) {
    let method = choices.one(of: Self.methods)
    let file = choices.below(ServingFuzz.fileSizes.count)
    let (place, target): (String, AnswerLedger.Target) =
      switch choices.below(12) {
      case 0...1: ("/packets/", .instance)
      case 2...3: ("/pooled/", .instance)
      case 4: ("/packed/", .instance)
      case 5...7: ("/files/\(file)", ServingFuzz.file(file))
      case 8: ("/files/", .own)
      case 9: ("/respond/", .own)
      case 10: ("/moved/", .own)
      default: ("/nowhere/", .own)
      }
    self.method = method
    id = ledger.begin(method, target)
    path = target == .instance ? place + "\(id)" : place
    switch choices.below(8) {
    case 0: fields = [("accept-encoding", ["gzip", "br", "zstd"][choices.below(3)])]
    case 1: fields = [("range", "bytes=100-")]
    case 2: fields = [("expect", "100-continue")]
    default: fields = []
    }
    ledger.tell("request \(id): \(method) \(path) \(fields.map { $0.name })")
  }
}

/// A client whose every step comes from the input.
protocol FuzzedClient: AnyObject {
  var wire: WireClient { get }

  /// Sends something.
  func step(_ choices: inout Choices)

  /// Takes what has come, `most` bytes of it at the most, and holds it to the rules; returns how
  /// many bytes that were.
  @discardableResult
  func read(most: Int) -> Int

  /// Lets everything come that was asked for, and takes it; returns how many bytes there were.
  func openUp() -> Int

  /// Says of which requests it never heard though the connection is there, or ended in order.
  func complainOfSilence()
}
