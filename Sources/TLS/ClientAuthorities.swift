internal import Calendar
internal import COpenSSL

/// The authorities that clients' certificates come from, checked, as bytes.
///
/// It holds no OpenSSL object, so that it can be passed between threads.
package struct ClientAuthorities: Sendable, Equatable {
  /// The certificates in DER, in the order of the file.
  let certificates: [[UInt8]]
  /// When each of them ends, in seconds since 1970.
  private let ends: [Int64]

  /// What the file may measure.
  package static let bytesMax = 256 * 1024
  /// The certificates in it: chains are looked for among all of them.
  package static let countMax = 128

  /// Reads PEM text with one certificate or several, each of an authority.
  package init(pem: [UInt8]) throws(ClientAuthoritiesError) {
    let outline = try Self.outline(pem)
    guard outline.keys == 0 else { throw .holdsKey }
    let blocks = outline.blocks.filter(\.isCertificate)
    guard !blocks.isEmpty else { throw .unreadable(outline.missingCertificate) }
    guard blocks.count <= Self.countMax else {
      throw .tooMany(count: blocks.count, limit: Self.countMax)
    }
    var certificates: [[UInt8]] = []
    var ends: [Int64] = []
    for (index, block) in blocks.enumerated() {
      let (der, end) = try Self.authority(Array(outline.text[block.range]), position: index + 1)
      certificates.append(der)
      ends.append(end)
    }
    self.certificates = certificates
    self.ends = ends
  }

  private static func outline(_ pem: [UInt8]) throws(ClientAuthoritiesError) -> PEMOutline {
    do throws(CertificateError) {
      guard pem.count <= bytesMax else { throw .tooLarge(bytes: pem.count, limit: bytesMax) }
      return try PEMOutline(pem)
    } catch {
      throw .unreadable(error)
    }
  }

  /// One certificate in DER, and when it ends.
  private static func authority(
    _ pem: [UInt8], position: Int
  ) throws(ClientAuthoritiesError) -> ([UInt8], Int64) {
    defer { ERR_clear_error() }
    // SAFETY: the certificate is freed here, after what is needed of it was copied.
    guard let certificate = unsafe PEMText.certificate(pem) else {
      throw .malformed(position: position)
    }
    defer { unsafe X509_free(certificate) }
    // 1: it says so. 3: it is a root of X.509 version 1, which cannot say so.
    guard [1, 3].contains(unsafe X509_check_ca(certificate)) else {
      throw .noAuthority(position: position)
    }
    let end = unsafe CertificateFacts.seconds(X509_get0_notAfter(certificate)) ?? 0
    return unsafe (PEMObjects.der(certificate), end)
  }

  /// What is taken although clients will be refused, at `now` in seconds since 1970.
  package func warnings(now: Int64) -> [String] {
    ends.enumerated().filter { $0.element < now }.map { index, end in
      "certificate \(index + 1) of it expired at \(UTC.text(end)): clients that it vouches for are refused"
    }
  }
}

/// Why a file of authorities is refused.
package enum ClientAuthoritiesError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What the frame of the text says.
  case unreadable(CertificateError)
  case holdsKey
  /// Places count from 1.
  case malformed(position: Int)
  case noAuthority(position: Int)
  case tooMany(count: Int, limit: Int)

  package var description: String {
    switch self {
    case .unreadable(let error): "\(error)"
    case .holdsKey: "it holds a private key; only the certificates of authorities belong here"
    case .malformed(let position): "certificate \(position) of it is malformed"
    case .noAuthority(let position):
      "certificate \(position) of it is not one of an authority (CA:TRUE); name the authority that"
        + " issues the clients' certificates, not the certificates"
    case .tooMany(let count, let limit): "\(count) certificates are more than \(limit)"
    }
  }
}

/// What a host asks of its clients' certificates.
///
/// Two rules that say the same are the same rule, whichever files they were read from.
package final class ClientRule: Sendable, Equatable {
  package let authorities: ClientAuthorities
  /// A client without a certificate is refused.
  package let isRequired: Bool
  /// SHA-256 of all that the rule says.
  let digest: [UInt8]

  package init(_ authorities: ClientAuthorities, isRequired: Bool) {
    self.authorities = authorities
    self.isRequired = isRequired
    digest = Hash.sha256([isRequired ? 1 : 0] + authorities.certificates.flatMap(Hash.sha256))
  }

  package static func == (left: ClientRule, right: ClientRule) -> Bool {
    left === right || left.digest == right.digest
  }
}
