import EventLoop
import Glibc
import Logging

@testable import EdgeProxy

/// An error log that a test reads.
final class LogLines {
  let logger: Logger
  private let file: FileDescriptor

  init() throws {
    let file = try Descriptor.memoryFile()
    let handler = StandardErrorLog(
      level: LogLevel(.debug), descriptor: file.raw, isJournal: true)
    logger = Logger(label: "test") { _ in handler }
    self.file = file
  }

  /// All that was written so far.
  var all: [String] {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    var space = bytes.mutableSpan
    guard case .bytes(let count) = Descriptor.read(file.raw, at: 0, into: &space) else { return [] }
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
