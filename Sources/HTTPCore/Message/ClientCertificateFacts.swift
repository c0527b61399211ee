/// What an application is told of the certificate that its client has shown, where its host asks for one.
///
/// uwsgi has variables for it that no field of a client's can name. HTTP has fields, and those that a
/// client sends are taken away first. Those of RFC 9440 are too, although this server sends none: an
/// application that knows them would believe them.
package struct ClientCertificateFacts: Sendable {
  /// The certificate was verified; without one the client was let in all the same.
  package let isVerified: Bool
  let subject: [UInt8]
  let issuer: [UInt8]
  let serial: [UInt8]
  let fingerprint: [UInt8]

  /// The client has shown none.
  package static let absent = ClientCertificateFacts(isVerified: false)

  /// Of a certificate that was verified: RFC 4514 names, and hexadecimal digits.
  package init(subject: [UInt8], issuer: [UInt8], serial: [UInt8], fingerprint: [UInt8]) {
    isVerified = true
    self.subject = subject
    self.issuer = issuer
    self.serial = serial
    self.fingerprint = fingerprint
  }

  private init(isVerified: Bool) {
    self.isVerified = isVerified
    (subject, issuer, serial, fingerprint) = ([], [], [], [])
  }

  /// Takes these fields away, whoever has put them there.
  static let removal: FieldRules = {
    var rules = FieldRules()
    rules.remove = [
      "X-Client-Verify", "X-Client-DN", "X-Client-Issuer-DN", "X-Client-Serial",
      "X-Client-Fingerprint", "Client-Cert", "Client-Cert-Chain",
    ].map { Array($0.utf8) }
    return rules
  }()

  var verdict: StaticString { isVerified ? "SUCCESS" : "NONE" }
}

extension RequestHead {
  /// Takes away what a client may have said of a certificate.
  package mutating func removeCertificateFields() { apply(ClientCertificateFacts.removal) }
}

extension UWSGIPacket {
  /// The names are those of Apache's mod_ssl, and of nginx in its usual configuration.
  mutating func addCertificate(_ facts: ClientCertificateFacts) {
    add("SSL_CLIENT_VERIFY", facts.verdict)
    guard facts.isVerified else { return }
    add("SSL_CLIENT_S_DN", facts.subject.span)
    add("SSL_CLIENT_I_DN", facts.issuer.span)
    add("SSL_CLIENT_SERIAL", facts.serial.span)
    add("SSL_CLIENT_FINGERPRINT", facts.fingerprint.span)
  }
}
