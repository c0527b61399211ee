/// Reads a range page by page, all of it as the store was when it answered first.
///
/// It asks for nothing itself: `request` is what to ask next, and each answer goes into `take`. Every
/// page must begin behind the last one and bring keys, and there are bounds for all of them together: so
/// whatever answers, the reading ends.
///
/// The header of a later page has the store's revision by then: what changed meanwhile is in none of the
/// pages, and a watch that began after it would never tell. So the first header is the listing's.
package struct Listing {
  package enum Step: Equatable, Sendable {
    /// Ask `request`.
    case ask
    /// Everything has been read.
    case whole(ResponseHeader, [KeyValue])
    /// What answers is not etcd, or has more than anybody here reads.
    case failed(String)
  }

  /// Keys of a listing, and what they and their values take in memory, in bytes.
  package static let keysMax = 200_000
  package static let bytesMax = 128 << 20
  /// Answers that a listing may take.
  package static let pagesMax = 10_000

  /// What to ask next.
  package private(set) var request: RangeRequest
  private var first: ResponseHeader?
  private var found: [KeyValue] = []
  private var bytes = 0
  private var pages = 0
  private let pagesMax: Int

  /// Begins to list `range`, with `pageKeysMax` keys to a page.
  package init(
    _ range: KeyRange, pageKeysMax: Int64, pagesMax: Int = pagesMax, isSerializable: Bool = false
  ) {
    self.pagesMax = pagesMax
    request = RangeRequest(range)
    request.limit = pageKeysMax
    request.isSerializable = isSerializable
  }

  /// An answer has come.
  package mutating func take(_ response: RangeResponse) -> Step {
    pages += 1
    if let first, response.header.clusterID != first.clusterID {
      return .failed("the pages of a listing come from different clusters")
    }
    let header = first ?? response.header
    for keyValue in response.keyValues {
      guard isNext(keyValue.key) else {
        return .failed("a listing repeats a key, or has one that was not asked for")
      }
      bytes += keyValue.bytes
      found.append(keyValue)
      guard found.count <= Self.keysMax, bytes <= Self.bytesMax else {
        return .failed(
          "there are more than \(Self.keysMax) keys, or \(Self.bytesMax) bytes, in one range")
      }
    }
    guard response.hasMore else { return .whole(header, found) }
    // One key has no more behind it, whatever is said.
    guard let last = response.keyValues.last, !request.range.end.isEmpty else {
      return .failed("a listing goes on and brings no keys")
    }
    guard pages < pagesMax else {
      return .failed("a listing has more than \(pagesMax) pages")
    }
    first = header
    request.range = .between(last.key + [0], request.range.end)
    request.revision = header.revision
    return .ask
  }

  /// Keys come in order, each once, and none that the question does not cover.
  private func isNext(_ key: [UInt8]) -> Bool {
    guard request.range.contains(key) else { return false }
    return found.last.map { $0.key.lexicographicallyPrecedes(key) } ?? true
  }

  /// The answer was more than a message may hold: somebody keeps large things there.
  ///
  /// Fewer keys are asked for; `false` where it cannot be less.
  package mutating func askForLess() -> Bool {
    guard request.limit > 1, pages < pagesMax else { return false }
    request.limit = max(1, request.limit / 8)
    return true
  }
}

extension KeyValue {
  /// What it takes in memory, about.
  var bytes: Int { key.count + value.count + 64 }
}
