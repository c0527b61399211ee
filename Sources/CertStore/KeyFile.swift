package import EventLoop
internal import Glibc
package import TLS

/// Files that secrets lie in.
package enum KeyFile {
  /// Reads the encryption keys.
  package static func read(_ path: String) throws(KeyFileError) -> EncryptionKeys {
    let text = try text(of: path, bytesMax: EncryptionKeys.fileBytesMax)
    do throws(EncryptionKeysError) {
      return try EncryptionKeys(text: text)
    } catch {
      throw .refused(error)
    }
  }

  /// Reads at most `bytesMax` bytes and one more, so that a caller can tell that there are more.
  ///
  /// A file that is for more than its owner and readers of one group is no secret, and refused. The group is
  /// what a service reads by whose configuration belongs to root.
  package static func text(
    of path: String, bytesMax: Int
  ) throws(KeyFileError) -> [UInt8] {
    // SAFETY: the path is a C string for the length of the call, and fstat fills a value of this
    // frame.
    let raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard raw >= 0 else { throw .unreadable(SystemError("open")) }
    let file = FileDescriptor(owning: raw)
    var facts = stat()
    guard unsafe fstat(file.raw, &facts) == 0 else { throw .unreadable(SystemError("fstat")) }
    guard facts.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
    let mode = facts.st_mode & 0o7777
    guard mode & 0o037 == 0 else { throw .exposed(mode: mode) }
    do throws(SystemError) {
      return try WholeFile.read(file.raw, bytesMax: bytesMax)
    } catch {
      throw .unreadable(error)
    }
  }
}

/// Why a key file is not used.
package enum KeyFileError: Error, Equatable, CustomStringConvertible {
  case unreadable(SystemError)
  case notAFile
  /// The permissions of the file, as `chmod` takes them.
  case exposed(mode: UInt32)
  case refused(EncryptionKeysError)

  package var description: String {
    switch self {
    case .unreadable(let error): "\(error)"
    case .notAFile: "it is not a regular file"
    case .exposed(let mode):
      "its mode is \(Self.octal(mode)), which lets others at the keys; expected 0600, or 0640 with"
        + " the group of the service"
    case .refused(let error): "\(error)"
    }
  }

  private static func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
