internal import EventLoop
internal import HTTPCore

/// The last requests that failed at one worker: written by it, read by the control thread.
///
/// A request that succeeds never comes here. Queries, fields and bodies are not kept, since they hold
/// what nobody else may see.
final class FailureRing: Sendable {
  struct Failure: Sendable {
    /// When the request began, in microseconds since 1970.
    var time: Int64
    var requestID: [UInt8]
    /// Where a TCP session came in; empty for a request.
    var listener: [UInt8]
    var host: [UInt8]
    var method: [UInt8]
    /// Without the query.
    var path: [UInt8]
    var status: Int
    var upstream: [UInt8]
    /// `nil` where an application answered so.
    var cause: StaticString?
    var totalMicroseconds: Int64
    /// The first `AccessRecord.triesMax` of them.
    var tries: [AccessRecord.Try]
    var triesCount: Int
  }

  /// Failures of one worker.
  static let countMax = 64
  /// Bytes of a host, a method or a path; more is cut.
  static let textBytesMax = 256

  private struct Ring: Sendable {
    var failures: [Failure] = []
    /// Where the next one goes once all places are taken.
    var next = 0
  }

  private let ring = Guarded(Ring())

  /// From the oldest to the newest.
  var all: [Failure] {
    ring.withLock { ring in Array(ring.failures[ring.next...] + ring.failures[..<ring.next]) }
  }

  func add(_ record: borrowing AccessRecord, _ head: borrowing RequestHead) {
    let failure = Failure(
      time: record.time, requestID: record.requestID, listener: record.listener,
      host: Self.text(head, head.authority), method: Self.text(head, head.methodBytes),
      path: Self.text(head, head.path), status: record.status, upstream: record.upstream,
      cause: record.cause, totalMicroseconds: record.totalMicroseconds, tries: record.tries,
      triesCount: record.triesCount)
    ring.withLock { ring in
      if ring.failures.count < Self.countMax { return ring.failures.append(failure) }
      ring.failures[ring.next] = failure
      ring.next = (ring.next + 1) % Self.countMax
    }
  }

  /// A part of the head; nothing where the head was refused before it was kept.
  private static func text(_ head: borrowing RequestHead, _ part: ByteRange) -> [UInt8] {
    guard part.range.upperBound <= head.bytes.count else { return [] }
    let bytes = head.span(part)
    var text: [UInt8] = []
    text.append(copying: bytes.extracting(first: min(bytes.count, textBytesMax)))
    return text
  }
}

extension AccessRecord {
  /// Whether an operator calls this a failure: an answer of 500 or more, or one that broke off.
  ///
  /// Not one for which the client is the reason, or which is as the operator wants it.
  var isFailure: Bool { status >= 500 || cause != nil ? isBlamedOnServer : false }

  private var isBlamedOnServer: Bool {
    let word = cause.map { "\($0)" } ?? ""
    if word.hasPrefix("client-") || Self.intended.contains(word) { return false }
    // What is not served at all: methods and versions that somebody tries out.
    if status == 501 || status == 505 { return triesCount > 0 }
    return status >= 500 || status < 400
  }

  /// Ends that an operator asked for, and answers of the health endpoint, of which the status tells.
  private static let intended: Set<String> = [
    "drain", "draining", "maintenance", "no-backend", "no-certificate", "tunnel-idle",
  ]
}
