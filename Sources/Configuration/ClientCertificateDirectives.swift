/// The keys of client certificates.
extension Directives {
  static let routeClientCertificates: [Directive] = [
    .optionalSection(
      "routes[].client_certificates",
      "Clients show a certificate; holds for all routes of the host"),
    .required(
      "routes[].client_certificates.ca", .path(or: []), example: "/etc/edgeproxy/clients.pem",
      "PEM certificates of the authorities that issue the clients' certificates"),
    .init(
      "routes[].client_certificates.mode", .word(["require", "optional"]), "require",
      "optional: clients without a certificate are let in, and the application is told"),
  ]
}
