internal import CertStore
internal import EventLoop
internal import HTTPCore

/// The files that answer `/.well-known/acme-challenge/`, RFC 8555 §8.3.
final class ChallengeDirectory {
  /// `nil` where no directory is configured: then nothing is found.
  var path: String?

  private static let prefix: StaticString = "/.well-known/acme-challenge/"
  private static let tokenBytesMax = 256
  private static let fileBytesMax = 16 * 1024

  init(_ path: String?) { self.path = path }

  /// Whether a decoded path asks for a challenge.
  static func covers(_ path: borrowing Span<UInt8>) -> Bool {
    let count = prefix.utf8CodeUnitCount
    return path.count >= count && ASCII.equalsExactly(path.extracting(0..<count), prefix)
  }

  /// The file for a challenge; a token has base64url characters only, so it cannot leave the
  /// directory.
  func find(_ requested: borrowing Span<UInt8>) -> [UInt8]? {
    let start = Self.prefix.utf8CodeUnitCount
    guard let path, requested.count > start, requested.count - start <= Self.tokenBytesMax else {
      return nil
    }
    var token: [UInt8] = []
    for index in start..<requested.count {
      let byte = requested[index]
      guard
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-")
          || byte == UInt8(ascii: "_")
      else { return nil }
      token.append(byte)
    }
    let file = path + "/" + String(decoding: token, as: UTF8.self)
    return try? WholeFile.read(file, bytesMax: Self.fileBytesMax)
  }
}
