internal import EventLoop
internal import Glibc
internal import HTTPCore

/// The file that a path asks for, opened.
struct RequestedFile: ~Copyable {
  var descriptor: FileDescriptor
  var facts: FileFacts
  /// Relative to the directory of the route, ending with a NUL.
  var path: [UInt8]

  /// Where a path cannot be answered with a file.
  enum Failure: Error, Equatable {
    case absent
    case forbidden
    /// For a moment, or until somebody repairs the disk.
    case unavailable
  }

  /// What of the request's path lies below the route's, ending with a NUL; `nil` for names with a
  /// dot in front, which are never meant to be served: `.git`, `.env`, `.htpasswd`.
  ///
  /// A site's own `/.well-known/` is meant to be served, RFC 8615 §3.
  static func path(of requested: [UInt8], below route: String) -> [UInt8]? {
    let slash = UInt8(ascii: "/")
    var start = min(route.utf8.count, requested.count)
    while start < requested.count, requested[start] == slash { start += 1 }
    var path: [UInt8] = []
    path.reserveCapacity(requested.count - start + 8)
    var previous = slash
    let isWellKnown = start == 1 && Self.isWellKnown(requested)
    for (index, byte) in requested[start...].enumerated() {
      let beginsHidden = byte == UInt8(ascii: ".") && previous == slash
      if byte == 0 || beginsHidden && !(isWellKnown && index == 0) { return nil }
      path.append(byte)
      previous = byte
    }
    if path.isEmpty { path.append(UInt8(ascii: ".")) }
    path.append(0)
    return path
  }

  private static func isWellKnown(_ path: [UInt8]) -> Bool {
    let name = "/.well-known".utf8
    return path.starts(with: name) && (path.count == name.count || path[name.count] == 0x2f)
  }

  static func open(
    _ path: [UInt8], in directory: [UInt8]
  ) throws(Failure) -> RequestedFile {
    do throws(SystemError) {
      let descriptor = try FileTree.open(directory: directory, path: path)
      let facts = try FileTree.facts(of: descriptor.raw)
      return RequestedFile(descriptor: descriptor, facts: facts, path: path)
    } catch {
      throw Self.failure(error)
    }
  }

  private static func failure(_ error: SystemError) -> Failure {
    switch error.code {
    case ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG, ENXIO, EINVAL: .absent
    case EACCES, EPERM: .forbidden
    default: .unavailable
    }
  }

  /// The file of another name in the same place, where it is one.
  static func sibling(
    _ path: [UInt8], in directory: [UInt8]
  ) -> RequestedFile? {
    guard let file = try? open(path, in: directory), file.facts.kind == .file else { return nil }
    return file
  }
}

extension ContentCoding {
  /// What the name of a file in this coding ends with.
  var fileSuffix: StaticString {
    switch self {
    case .gzip: ".gz"
    case .brotli: ".br"
    case .zstd: ".zst"
    case .identity, .deflate: ""
    }
  }
}
