/// Keys of nginx, Apache, HAProxy, Caddy and Traefik for client certificates.
extension Habits {
  private static let here = ["routes[].client_certificates"]

  /// Before the other rows, some of which are for every place.
  static let clientCertificates = [
    HabitKey(
      "ssl_client_certificate ssl_verify_client ssl_trusted_certificate ssl_verify_depth ssl_crl"
        + " sslcacertificatefile sslcacertificatepath sslverifyclient sslverifydepth client_auth"
        + " clientauth client_authentication client_ca client_cert client_certificate"
        + " client_certificates mtls mutual_tls trusted_ca_certs verify_client",
      in: ["", "routes[]", "tls", "listen"],
      "'client_certificates: { ca: FILE, mode: require }' of a route holds for its host"),
    HabitKey(
      "ca_file cafile ca_files cafiles cacert ca_cert ca_certs file path pem authority authorities"
        + " trusted_ca_certs trusted_ca_cert_file trust_pool certificate certificates",
      in: here, "'ca' is the file of the authorities", for: "ca"),
    HabitKey(
      "require required optional verify type client_auth_type clientauthtype", in: here,
      "'mode' is require or optional"),
    HabitKey(
      "depth verify_depth", in: here,
      "four certificates at most may stand between a client's and one of the file"),
    HabitKey(
      "crl crl_file revoked", in: here,
      "lists of revoked certificates are not read: let certificates end soon, or take the authority out"
    ),
  ]
}
