internal import CertStore
internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import TLS

/// Tells one server from another that has the same name.
///
/// It is the same for all processes that this server has one after the other, or side by side while
/// the program is replaced. A machine that is made from the image of another has an identity of its own
/// although its disk has the same number, because the kernel gives each run of a machine a number too.
enum ServerIdentity {
  private static let fileName = "identity"
  private static let bytesMax = 64

  /// The identity; the number on disk is made where there is none.
  ///
  /// Where `state` cannot be written, the identity is of this process alone.
  static func make(state: String, boot: String = EndsFile.boot()) -> String {
    if let identity = read(state: state, boot: boot) { return identity }
    let number = number()
    let directory = PrivateDirectory(path: state)
    do throws(CopyError) {
      try directory.write(fileName, Array(number.utf8))
    } catch {
      // The permissions of a directory that is there are not ours to change.
      if case .failed(_, let cause) = error, cause.code == ENOENT {
        try? directory.prepare()
        try? directory.write(fileName, Array(number.utf8))
      }
    }
    return read(state: state, boot: boot) ?? identity(number, boot)
  }

  /// The identity of the server with this state; `nil` where it has not run or cannot be read.
  static func read(state: String, boot: String = EndsFile.boot()) -> String? {
    let directory = PrivateDirectory(path: state)
    guard let bytes = try? directory.read(fileName, bytesMax: bytesMax),
      (1...bytesMax).contains(bytes.count)
    else { return nil }
    return identity(String(decoding: bytes, as: UTF8.self), boot)
  }

  private static func number() -> String {
    var random = SystemRandomNumberGenerator()
    return String(random.next(), radix: 16) + String(random.next(), radix: 16)
  }

  private static func identity(_ number: String, _ boot: String) -> String {
    let digest = Hash.sha256(Array("\(number) \(boot)".utf8))
    return digest.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Where people find this server: its addresses, without those that every machine has.
  static func place() -> String {
    let all = (try? InterfaceAddresses.all()) ?? []
    let addresses = all.compactMap { IPAddress(octets: $0.span) }
      .filter { !$0.isLoopback && $0.high >> 54 != linkLocal }
      .map { String(decoding: $0.text, as: UTF8.self) }
    return addresses.isEmpty ? "loopback" : addresses.prefix(placesMax).joined(separator: " ")
  }

  private static let placesMax = 4
  /// The first ten bits of a link-local address of IPv6, RFC 4291 §2.5.6.
  private static let linkLocal: UInt64 = 0x3fa
}
