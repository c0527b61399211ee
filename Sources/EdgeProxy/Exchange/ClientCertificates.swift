internal import Configuration
internal import HTTPCore
internal import TLS

extension Exchange {
  /// Why the certificates that the host asks of its clients keep a request from it; `nil` where they do
  /// not, and the application will be told of the client's.
  ///
  /// TLS has asked for what the host of the server name says. Where the Host of the request says something
  /// else, the client is to make another connection, RFC 9110 §15.5.20: a connection was shared by two hosts
  /// (RFC 9113 §9.1.1), named no server, or is older than a reload that changed the rule. What a proxy in
  /// front says of its clients is not believed here.
  func refusalByCertificate(_ connection: Connection, _ route: Int) -> LocalReason? {
    let rule = snapshot.configuration.routes[route].clientCertificates
    let stream = connection.stream
    guard stream?.clientRule == rule else { return .status(421, "client-certificate-rule") }
    guard let rule else {
      // The same application may be behind a host with a rule, and believe these fields there.
      request.removeCertificateFields()
      return nil
    }
    if let client = stream?.verifiedClient {
      note(user: client.subject)
      request.tell(
        of: ClientCertificateFacts(
          subject: client.subject, issuer: client.issuer, serial: client.serial,
          fingerprint: client.fingerprint))
      return nil
    }
    // TLS has seen to it already.
    if rule.isRequired { return .status(403, "client-certificate-missing") }
    request.tell(of: .absent)
    return nil
  }
}
