import CertStore
import EventLoop
import Glibc

/// A directory of its own for one test, removed with all that is in it.
package final class TemporaryDirectory: Sendable {
  package let path: String

  package init() throws {
    var template = Array("/tmp/edgeproxy-test-XXXXXX".utf8CString)
    // SAFETY: the template ends with a NUL, and mkdtemp writes within it.
    guard unsafe mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { Self.removeAll(path) }

  private static func removeAll(_ path: String) {
    let names = (try? CertificateDirectory.list(path)) ?? []
    for name in names where name != "." && name != ".." { removeAll(path + "/" + name) }
    // SAFETY: the path is a C string for the length of the call.
    _ = unsafe remove(path)
  }

  // SAFETY: the path is a C string for the length of the call.
  package func make(_ folder: String) { _ = unsafe mkdir(path + "/" + folder, 0o700) }

  package func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  package func write(_ name: String, _ bytes: [UInt8]) throws {
    // SAFETY: the path is a C string for the length of the call.
    let file = unsafe open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw SystemError("open") }
    defer { close(file) }
    try Descriptor.writeAll(file, bytes.span, at: 0)
  }

  /// The text of a file; empty where there is none.
  package func read(_ name: String) throws -> String {
    let raw = unsafe open(path + "/" + name, O_RDONLY | O_CLOEXEC)
    guard raw >= 0 else { return "" }
    let file = FileDescriptor(owning: raw)
    var all: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      var space = block.mutableSpan
      guard case .bytes(let count) = Descriptor.read(file.raw, into: &space) else { break }
      all += block[..<count]
    }
    return String(decoding: all, as: UTF8.self)
  }
}
