internal import CLinux
internal import Configuration
internal import EventLoop
internal import Glibc
internal import HTTPCore

/// One worker's end of the access log: collects lines and writes them whole.
///
/// The owner calls `flush` once a second; at 64 KiB the writer does so itself. Each flush of a file
/// is one `write` of whole lines to a descriptor in append mode, so that workers, which all have
/// the file open, never mix their lines. What cannot be written (a full disk, a pipe nobody reads)
/// is dropped and counted; a log never holds a request up.
final class AccessLogWriter {
  /// A change that the error log should tell, once.
  enum Report: Equatable {
    /// Lines are being dropped from now on.
    case failed(SystemError)
    /// Lines are written again; so many were dropped in between.
    case recovered(dropped: Int)
  }

  private static let flushBytes = 64 * 1024
  /// The most bytes that are kept for a reader of a pipe that is behind.
  private static let pendingBytesMax = 256 * 1024
  /// What a pipe takes in one piece (`PIPE_BUF`), so that lines of several workers stay whole.
  private static let pieceBytes = 4096

  private let path: String?
  /// The open file; `nil` where the descriptor is somebody else's.
  private var file: FileDescriptor?
  private var descriptor: Int32
  private var format: AccessFormat
  private var lines = TextBuffer(capacity: 80 * 1024)
  /// How much is collected before the next flush without a call.
  private var flushAt = flushBytes
  /// The file ends with a part of a line: the disk became full within it.
  private var isTorn = false
  private(set) var isFailing = false
  private var droppedHere = 0
  /// Lines dropped since the start.
  private(set) var dropped = 0

  /// Opens the file at `path`.
  init(path: String, format: LogSettings.Format) throws(SystemError) {
    self.path = path
    self.format = AccessFormat(format)
    let file = try Self.open(path)
    descriptor = file.raw
    self.file = consume file
  }

  /// Writes to a descriptor that is open already and shared with others, such as standard output.
  init(sharing descriptor: Int32, format: LogSettings.Format) {
    path = nil
    self.format = AccessFormat(format)
    self.descriptor = descriptor
    file = nil
  }

  /// Bytes that wait for the next flush.
  var pendingBytes: Int { lines.count }

  /// Adds the line of a finished exchange.
  @discardableResult
  func append(_ record: borrowing AccessRecord, _ head: borrowing RequestHead) -> Report? {
    format.append(record, head, to: &lines)
    return lines.count >= flushAt ? flush() : nil
  }

  /// Writes what has been collected.
  @discardableResult
  func flush() -> Report? {
    guard lines.count > 0 else { return nil }
    flushAt = Self.flushBytes
    let report = path == nil ? writePieces() : writeFile()
    lines.shrink(to: Self.pendingBytesMax)
    return report
  }

  /// Opens the path anew, as after a rotation; when that fails the old file goes on.
  func reopen() -> Report? {
    let report = flush()
    guard let path else { return report }
    do throws(SystemError) {
      let file = try Self.open(path)
      descriptor = file.raw
      self.file = consume file
      isTorn = false
      return report
    } catch {
      return .failed(error)
    }
  }

  deinit { flush() }

  // MARK: Writing

  private func writeFile() -> Report? {
    if isTorn {
      let lineEnd = [Self.lineEnd]
      if case .failed(let error) = Descriptor.write(descriptor, lineEnd.span) { return drop(error) }
      isTorn = false
    }
    var written = 0
    while written < lines.count {
      switch Descriptor.write(descriptor, lines.bytes.extracting(written..<lines.count)) {
      case .bytes(let count): written += count
      case .wouldBlock: return keep(from: written)
      case .failed(let error):
        isTorn = written > 0 && lines[written - 1] != Self.lineEnd
        return drop(error, from: written)
      }
    }
    lines.removeAll()
    return recovered()
  }

  /// Writes pieces that a pipe takes whole, as long as it takes them without waiting.
  ///
  /// A shared descriptor is not made non-blocking: its other users might not expect that.
  private func writePieces() -> Report? {
    var written = 0
    while written < lines.count {
      guard Self.isWritable(descriptor) else { return keep(from: written) }
      let end = pieceEnd(from: written)
      switch Descriptor.write(descriptor, lines.bytes.extracting(written..<end)) {
      case .bytes(let count): written += count
      case .wouldBlock: return keep(from: written)
      case .failed(let error): return drop(error, from: written)
      }
    }
    lines.removeAll()
    return recovered()
  }

  /// Where the last line ends that fits a piece; a line that is longer is a piece of its own.
  private func pieceEnd(from start: Int) -> Int {
    var end = start
    for index in start..<lines.count where lines[index] == Self.lineEnd {
      if index + 1 - start > Self.pieceBytes, end > start { return end }
      end = index + 1
    }
    return end > start ? end : lines.count
  }

  // MARK: What could not be written

  /// Keeps what the reader will take later, within bounds.
  private func keep(from written: Int) -> Report? {
    lines.removeFirst(written)
    flushAt = lines.count + Self.flushBytes
    guard lines.count > Self.pendingBytesMax else { return nil }
    return drop(SystemError("write", code: EAGAIN))
  }

  private func drop(_ error: SystemError, from written: Int = 0) -> Report? {
    var count = 0
    for index in written..<lines.count where lines[index] == Self.lineEnd { count += 1 }
    dropped += count
    droppedHere += count
    lines.removeAll()
    flushAt = Self.flushBytes
    guard !isFailing else { return nil }
    isFailing = true
    return .failed(error)
  }

  private func recovered() -> Report? {
    guard isFailing else { return nil }
    let count = droppedHere
    isFailing = false
    droppedHere = 0
    return .recovered(dropped: count)
  }

  // MARK: Descriptors

  private static let lineEnd = UInt8(ascii: "\n")

  /// Non-blocking, so that a path that is a pipe can neither hold up the start nor a request.
  private static func open(_ path: String) throws(SystemError) -> FileDescriptor {
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK
    // SAFETY: the path is a C string for the length of the call.
    let raw = unsafe Glibc.open(path, flags, 0o640)
    guard raw >= 0 else { throw SystemError("open") }
    return FileDescriptor(owning: raw)
  }

  private static func isWritable(_ raw: Int32) -> Bool {
    var entry = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
    // SAFETY: the kernel reads and fills the one entry, in this frame.
    return unsafe poll(&entry, 1, 0) == 1
  }
}

@available(*, unavailable) extension AccessLogWriter: Sendable {}
