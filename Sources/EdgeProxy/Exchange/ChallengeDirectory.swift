internal import CertStore
internal import EventLoop
internal import HTTPCore

/// The files that answer `/.well-known/acme-challenge/`, RFC 8555 §8.3, where `ChallengeTable` does not.
///
/// ACME clients that are given a directory write either `TOKEN` into it or, as certbot, acme.sh and
/// lego do with a webroot, `.well-known/acme-challenge/TOKEN`. Both are looked for.
final class ChallengeDirectory {
  /// `nil` where no directory is configured: then nothing is found.
  var path: String?

  private static let fileBytesMax = 16 * 1024

  init(_ path: String?) { self.path = path }

  /// The answer to the challenge that a decoded path asks for; `nil` where there is none.
  ///
  /// A token has base64url characters only, so it cannot leave the directory.
  func find(_ requested: borrowing Span<UInt8>) -> [UInt8]? {
    guard let path, let token = ChallengePath.token(of: requested), token.allSatisfy(Self.isOfToken)
    else { return nil }
    let name = String(decoding: token, as: UTF8.self)
    return Self.read("\(path)/\(name)") ?? Self.read("\(path)\(ChallengePath.prefix)\(name)")
  }

  private static func isOfToken(_ byte: UInt8) -> Bool {
    ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "_")
  }

  /// A file's content; `nil` for one that is not there, is empty, or is too large to be an answer.
  private static func read(_ file: String) -> [UInt8]? {
    guard let content = try? WholeFile.read(file, bytesMax: fileBytesMax),
      (1...fileBytesMax).contains(content.count)
    else { return nil }
    return content
  }
}
