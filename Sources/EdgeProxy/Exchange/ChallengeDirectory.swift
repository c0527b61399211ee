internal import CertStore
internal import EventLoop
internal import HTTPCore

/// The files that answer `/.well-known/acme-challenge/`, RFC 8555 §8.3.
///
/// ACME clients that are given a directory write either `TOKEN` into it or, as certbot, acme.sh and
/// lego do with a webroot, `.well-known/acme-challenge/TOKEN`. Both are looked for.
final class ChallengeDirectory {
  /// `nil` where no directory is configured: then nothing is found.
  var path: String?

  private static let prefix: StaticString = "/.well-known/acme-challenge/"
  private static let tokenBytesMax = 256
  private static let fileBytesMax = 16 * 1024

  init(_ path: String?) { self.path = path }

  /// The answer to the challenge that a decoded path asks for; `nil` where there is none.
  ///
  /// A token has base64url characters only, so it cannot leave the directory.
  func find(_ requested: borrowing Span<UInt8>) -> [UInt8]? {
    let start = Self.prefix.utf8CodeUnitCount
    guard let path, requested.count > start, requested.count - start <= Self.tokenBytesMax,
      ASCII.equalsExactly(requested.extracting(0..<start), Self.prefix)
    else { return nil }
    var token: [UInt8] = []
    for index in start..<requested.count {
      let byte = requested[index]
      guard
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-")
          || byte == UInt8(ascii: "_")
      else { return nil }
      token.append(byte)
    }
    let name = String(decoding: token, as: UTF8.self)
    return Self.read("\(path)/\(name)") ?? Self.read("\(path)\(Self.prefix)\(name)")
  }

  /// A file's content; `nil` for one that is not there, is empty, or is too large to be an answer.
  private static func read(_ file: String) -> [UInt8]? {
    guard let content = try? WholeFile.read(file, bytesMax: fileBytesMax),
      (1...fileBytesMax).contains(content.count)
    else { return nil }
    return content
  }
}
