import CertStore
import Glibc
import Testing

/// A directory of its own for one test, removed with it.
final class Folder {
  let path: String

  init() throws {
    var template = Array("/tmp/edgeproxy-tests.XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw Failure.call("mkdtemp", errno) }
    let bytes = template.dropLast().map { UInt8(bitPattern: $0) }
    path = String(decoding: bytes, as: UTF8.self)
  }

  enum Failure: Error { case call(String, Int32) }

  deinit { Self.removeAll(path) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let raw = unsafe open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard raw >= 0 else { throw Failure.call("open", errno) }
    defer { close(raw) }
    guard unsafe Glibc.write(raw, bytes, bytes.count) == bytes.count else {
      throw Failure.call("write", errno)
    }
  }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func makeFolder(_ name: String) throws {
    guard unsafe mkdir(path + "/" + name, 0o700) == 0 else { throw Failure.call("mkdir", errno) }
  }

  func rename(_ old: String, _ new: String) throws {
    guard unsafe Glibc.rename(path + "/" + old, path + "/" + new) == 0 else {
      throw Failure.call("rename", errno)
    }
  }

  func link(_ name: String, to target: String) throws {
    guard unsafe symlink(target, path + "/" + name) == 0 else {
      throw Failure.call("symlink", errno)
    }
  }

  func changeMode(_ name: String, _ mode: mode_t) throws {
    guard unsafe chmod(path + "/" + name, mode) == 0 else { throw Failure.call("chmod", errno) }
  }

  func remove(_ name: String) { Self.removeAll(path + "/" + name) }

  private static func removeAll(_ path: String) {
    if unsafe unlink(path) == 0 { return }
    let names = (try? CertificateDirectory.list(path)) ?? []
    for name in names where name != "." && name != ".." { removeAll(path + "/" + name) }
    _ = unsafe rmdir(path)
  }
}
