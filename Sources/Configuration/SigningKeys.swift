internal import CertStore
internal import EventLoop
internal import Glibc
package import TLS

/// The public keys of a directory, by the subscription keys whose instances must sign.
///
/// `app.example.org.pem` is for that host, `*.example.org.pem` for all names of one more label that have
/// no file of their own. Names as uWSGI's own server takes them are understood too: a leading dot is the
/// wildcard, and `_443` at the end a port. A file that cannot be used counts: nobody can sign for it.
package final class SigningKeys {
  private let directory: String
  private var keys: [[UInt8]: SignatureKey?] = [:]
  private var stamp: Stamp?
  /// What is wrong, each in one line.
  package private(set) var mistakes: [String] = []
  /// Nothing could be read yet, so that it is not known who must sign.
  private(set) var isUnknown = true

  /// Beyond it files are left unread, which is a mistake.
  static let filesMax = 10_000

  package init(_ directory: String) { self.directory = directory }

  package enum Demand {
    case none
    case signature(of: SignatureKey)
    /// A signature that nobody can give.
    case impossible
  }

  /// What a datagram for this key must have.
  package func demand(for key: [UInt8]) -> Demand {
    guard !isUnknown else { return .impossible }
    guard !keys.isEmpty else { return .none }
    guard let found = keys[key] ?? SubscriptionKey.wildcard(over: key).flatMap({ keys[$0] }) else {
      return .none
    }
    return found.map { .signature(of: $0) } ?? .impossible
  }

  /// Reads the directory again where it has changed, or where `always`.
  ///
  /// A directory that cannot be read leaves the keys as they were.
  package func load(always: Bool) {
    guard let now = Stamp(directory) else {
      mistakes = ["'\(directory)': \(SystemError("stat"))"]
      stamp = nil
      return
    }
    guard always || now != stamp else { return }
    do throws(SystemError) {
      try read(CertificateDirectory.list(directory))
      stamp = now
      isUnknown = false
    } catch {
      mistakes = ["'\(directory)': \(error)"]
      stamp = nil
    }
  }

  private func read(_ names: [String]) {
    var found: [[UInt8]: SignatureKey?] = [:]
    var mistakes: [String] = []
    for name in names.sorted() where name.hasSuffix(".pem") {
      let path = "\(directory)/\(name)"
      guard let key = Self.key(ofFile: name) else {
        mistakes.append("'\(path)': its name is no host with '.pem' behind it")
        continue
      }
      guard found.count < Self.filesMax else {
        mistakes.append("'\(path)': more than \(Self.filesMax) keys")
        found[key] = .some(nil)
        break
      }
      do {
        let pem = try WholeFile.read(path, bytesMax: SignatureKey.fileBytesMax)
        found[key] = try SignatureKey(pem: pem)
      } catch {
        mistakes.append("'\(path)': \(error)")
        found[key] = .some(nil)
      }
    }
    keys = found
    self.mistakes = mistakes
  }

  private static func key(ofFile name: String) -> [UInt8]? {
    var base = Array(name.utf8.dropLast(4))
    let digits = base.reversed().prefix { (0x30...0x39).contains($0) }.count
    let mark = base.count - digits - 1
    if (1...5).contains(digits), mark > 0, base[mark] == UInt8(ascii: "_") {
      base.removeSubrange(mark...)
    }
    return SubscriptionKey.normalise(base)
  }

  /// What of a directory changes when a file comes or goes.
  private struct Stamp: Equatable {
    let seconds: Int
    let nanoseconds: Int
    let number: UInt64

    init?(_ path: String) {
      var facts = stat()
      // SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in
      // the frame that calls.
      guard unsafe lstat(path + "/.", &facts) == 0 else { return nil }
      seconds = facts.st_mtim.tv_sec
      nanoseconds = facts.st_mtim.tv_nsec
      number = UInt64(facts.st_ino)
    }
  }
}
