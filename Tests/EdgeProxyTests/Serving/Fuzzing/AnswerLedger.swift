import HTTPCore
import TestSupport

/// Who asked what, what instances gave for it, and whether clients got that and nothing else.
final class AnswerLedger {
  /// Where a request leads.
  enum Target: Equatable {
    case instance
    /// A file with so many bytes and this tag.
    case file(tag: Int, bytes: Int)
    /// An answer of the server's own.
    case own
  }

  struct Request {
    let method: String
    let target: Target
    /// Lengths of the bodies that instances have given whole.
    var lengths: Set<Int> = []
    /// The request was sent whole.
    var isWhole = false
    var bodyBytes = 0
  }

  private(set) var requests: [Request] = []
  /// The first promise that was broken.
  private(set) var complaint: String?
  /// Who is told what happens, as it does.
  private let listener: ((String) -> Void)?

  init(_ listener: ((String) -> Void)?) { self.listener = listener }

  func tell(_ text: @autoclosure () -> String) { listener?(text()) }

  func complain(_ text: String) {
    guard complaint == nil else { return }
    complaint = text
    tell("But \(text)")
  }

  /// Begins a request; returns its number, which is its tag as well.
  func begin(_ method: String, _ target: Target) -> Int {
    requests.append(Request(method: method, target: target))
    return requests.count - 1
  }

  /// The client has sent more of a request's body.
  func sentBody(_ id: Int, _ count: Int) { requests[id].bodyBytes += count }

  func sentWhole(_ id: Int) { requests[id].isWhole = true }

  /// An instance has given a whole answer.
  func gave(_ id: Int, _ bytes: Int) { requests[id].lengths.insert(bytes) }

  /// What a request's body is tagged with.
  static func bodyTag(of id: Int) -> Int { 1 << 20 | id }

  /// An instance has got a piece of a body.
  func gotBody(_ id: Int, _ bytes: [UInt8], from start: Int) {
    guard requests.indices.contains(id) else { return complain("a body of request \(id)") }
    if !TaggedBody.matches(bytes, tag: Self.bodyTag(of: id), from: start) {
      complain("another body for request \(id)")
    }
    if start + bytes.count > requests[id].bodyBytes {
      complain("more body for request \(id) than was sent")
    }
  }
}

/// One answer as it arrives at the client.
struct ArrivingAnswer {
  let id: Int
  private let status: Int
  private let tag: Int?
  private let packing: ContentCoding?
  private let start: Int
  private let declared: Int?
  private let hasBody: Bool
  private var count = 0
  private var packed: [UInt8] = []

  init(
    to id: Int, status: Int, _ fields: [(name: String, value: String)], _ ledger: AnswerLedger
  ) {
    self.id = id
    self.status = status
    func field(_ name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
    let request = ledger.requests[id]
    hasBody = request.method != "HEAD" && status != 204 && status != 304
    declared = field("content-length").flatMap { Int($0) }
    let coding = field("content-encoding")
    packing = ContentCoding.allCases.first { "\($0.name)" == coding }
    let range = field("content-range").flatMap { text in
      Int(text.dropFirst("bytes ".count).prefix { $0.isNumber })
    }
    start = status == 206 ? range ?? 0 : 0
    if let mark = field("x-tag").flatMap({ Int($0) }) {
      if mark != id { ledger.complain("request \(id) got the answer of \(mark)") }
      tag = mark
    } else if case .file(let mark, _) = request.target, status == 200 || status == 206 {
      tag = mark
    } else {
      tag = nil
    }
  }

  mutating func take(_ bytes: [UInt8], _ ledger: AnswerLedger) {
    if !hasBody, !bytes.isEmpty { ledger.complain("a body of an answer without one, to \(id)") }
    if packing != nil {
      packed += bytes
    } else if let tag, !TaggedBody.matches(bytes, tag: tag, from: start + count) {
      ledger.complain("the body of request \(id) is another from byte \(count) on")
    }
    count += bytes.count
    if let declared, hasBody, count > declared {
      ledger.complain("request \(id) got \(count) bytes of \(declared)")
    }
  }

  /// The answer ended as a whole one does.
  func end(_ ledger: AnswerLedger) {
    guard hasBody else { return }
    if let declared, count != declared {
      return ledger.complain("the answer to \(id) ends after \(count) of \(declared) bytes")
    }
    guard let tag, status != 206 else { return }
    var whole = count
    if let packing {
      guard let read = Decompression.read(packing, packed), read.isComplete,
        TaggedBody.matches(read.bytes, tag: tag, from: 0)
      else { return ledger.complain("what was compressed for \(id) cannot be read") }
      whole = read.bytes.count
    }
    let request = ledger.requests[id]
    switch request.target {
    case .file(_, let bytes):
      if whole != bytes { ledger.complain("\(whole) of \(bytes) bytes of a file for \(id)") }
    case .instance:
      if !request.lengths.contains(whole) {
        ledger.complain("the answer to \(id) ends at \(whole), which no instance gave")
      }
    case .own: break
    }
  }
}
