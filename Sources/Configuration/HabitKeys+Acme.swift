/// Keys of certbot, lego, acme.sh, Caddy and Traefik in `acme`.
extension Habits {
  private static let place = ["acme"]
  private static let issuer = ["acme.issuers[]"]
  private static let certificate = ["acme.certificates[]"]
  private static let update = ["acme.dns.update"]
  private static let hook = ["acme.dns.hook"]
  private static let ways = ["acme.dns"]

  private static let names =
    "each certificate is an entry of 'certificates', such as '- names: [example.org]'"
  private static let account =
    "an issuer has it: { directory: zerossl, external_account: { id: ID, key_file: FILE } }"
  private static let renewal =
    "'renew_at: auto' renews when the issuer says so, else after two thirds of the lifetime"

  /// Before the other rows, some of which are for every place.
  static let acme = acmeTop + acmeIssuers + acmeCertificates + acmeDNS

  private static let acmeTop = [
    HabitKey(
      "email emails mail mailto contacts account_email acme_email registration_email", in: place,
      "'contact' is the mail address", for: "contact"),
    HabitKey(
      "agree_tos agreetos accept_terms accept_tos tos tos_agreed terms termsofserviceagreed"
        + " terms_of_service_agreed terms_agreed agree_terms accept_terms_of_service",
      in: place, "'terms_accepted: true' says that you accept the terms", for: "terms_accepted"),
    HabitKey(
      "webroot webroot_path webroots standalone nginx apache installer", in: place,
      "the server answers the challenge itself on all servers; 'acme_challenges' at the top is for other"
        + " ACME clients"),
    HabitKey(
      "authenticator dns_plugin dns_provider dns_challenge dnschallenge dns_rfc2136"
        + " dns_rfc2136_credentials dns_cloudflare dns_cloudflare_credentials dns_route53 dns_ovh"
        + " dns_credentials provider providers resolvers",
      in: place,
      "'dns: { update: … }' writes records by RFC 2136, 'dns: { hook: { command: FILE } }' calls a"
        + " program, and 'dns: fleet' needs neither"),
    HabitKey(
      "preferred_challenges preferred_challenge challenge challenges http_challenge httpchallenge"
        + " tls_challenge tlschallenge http_01 dns_01 tls_alpn_01",
      in: place, "'challenge' of a certificate is http, tls-alpn or dns"),
    HabitKey(
      "domains domain d name names san sans main cert_name certnames managed subjects subject certificate",
      in: place, names, for: "certificates"),
    HabitKey(
      "server servers directory directory_url url caserver ca_server acme_ca acme_server ca_url"
        + " ca_dir issuer provider_url module", in: place,
      "'issuers: [URL]' names the CAs"),
    HabitKey(
      "staging test test_cert dry_run use_staging", in: place,
      "'issuers: [letsencrypt-staging]' orders certificates for tests, and 'edgeproxy acme issue --staging' one"
    ),
    HabitKey(
      "eab eab_kid eab_hmac_key kid hmac hmac_encoded external_account external_account_binding"
        + " acme_eab", in: place, account),
    HabitKey(
      "key_type keytype key rsa_key_size elliptic_curve ec curve keylength", in: place,
      "'key' of a certificate is ecdsa, rsa or both"),
    HabitKey(
      "profile preferred_profile required_profile", in: place,
      "an issuer has it: { directory: letsencrypt, profile: tlsserver }"),
    HabitKey(
      "renew_before renew_before_expiry renewal_window_ratio renew_interval days renew_days"
        + " certificatesduration renewal renew ari", in: place, renewal),
    HabitKey(
      "pre_hook post_hook deploy_hook renew_hook reload_cmd reloadcmd hook hooks", in: place,
      "no hook is needed: the server takes a new certificate over by itself; for challenge dns there is"
        + " 'dns: { hook: … }'"),
    HabitKey(
      "storage store acme_json state state_path path config_dir work_dir account_key account_key_path",
      in: place,
      "keys and certificates are kept in 'state', and those of a fleet sealed in etcd"),
    HabitKey(
      "preferred_chain preferred_chains must_staple ocsp", in: place,
      "the chain that the issuer sends first is served"),
    HabitKey(
      "on_demand on_demand_tls ondemand", in: place,
      "certificates are ordered before clients come: 'hosts: routed' is for all hosts of routes"),
    HabitKey(
      "cacertificates ca_certificates trusted_roots acme_ca_root ca_root root", in: place,
      "'ca' is the file", for: "ca"),
  ]

  private static let acmeIssuers = [
    HabitKey(
      "url uri server servers ca acme_ca caserver ca_server ca_url name issuer module endpoint dir",
      in: issuer, "'directory' is a word such as letsencrypt, or a URL", for: "directory"),
    HabitKey(
      "email contact contacts mail", in: issuer, "'contact' in acme is for all issuers"),
    HabitKey(
      "eab eab_kid eab_hmac_key kid hmac hmac_encoded key_id mac_key hmac_key", in: issuer,
      "here it is 'external_account: { id: ID, key_file: FILE }'"),
    HabitKey("trusted_roots ca_certificates", in: issuer, "'ca' in acme is for all issuers"),
    HabitKey(
      "challenge challenges", in: issuer, "'challenge' of a certificate is http, tls-alpn or dns"),
    HabitKey(
      "key hmac hmac_key eab_hmac_key mac_key secret key_value hmac_encoded",
      in: ["acme.issuers[].external_account"], "'key_file' is a file with the key",
      for: "key_file"),
    HabitKey(
      "kid eab_kid key_id keyid identifier", in: ["acme.issuers[].external_account"],
      "'id' is the key identifier", for: "id"),
  ]

  private static let acmeCertificates = [
    HabitKey(
      "domains domain name host hosts hostnames main san sans subject subjects server_name",
      in: certificate,
      "'names' lists them, such as [example.org, www.example.org]", for: "names"),
    HabitKey(
      "challenges preferred_challenges type method validation authenticator", in: certificate,
      "'challenge' is http, tls-alpn or dns"),
    HabitKey(
      "key_type keytype keys rsa_key_size elliptic_curve curve algorithm", in: certificate,
      "'key' is ecdsa, rsa or both"),
    HabitKey(
      "issuer issuers ca profile certresolver resolver", in: certificate,
      "'issuers' in acme are for all certificates"),
    HabitKey(
      "dns provider dns_provider hook", in: certificate, "'dns' in acme is for all certificates"),
    HabitKey("webroot webroot_path", in: certificate, "the server answers the challenge itself"),
  ]

  private static let acmeDNS = [
    HabitKey(
      "rfc2136 nsupdate bind bind9 knot powerdns named tsig", in: ways,
      "'update' is for RFC 2136: { server: \"192.0.2.1:53\", zone: example.org, key_name: NAME, key_file:"
        + " FILE }", for: "update"),
    HabitKey(
      "exec script command program shell manual manual_auth_hook", in: ways,
      "'hook: { command: FILE }' calls a program", for: "hook"),
    HabitKey(
      "provider name plugin module cloudflare route53 ovh hetzner digitalocean gandi godaddy azure"
        + " gcloud google linode namecheap inwx ionos netcup desec duckdns cloudns api_token api_key token credentials",
      in: ways,
      "a DNS provider is reached through 'hook: { command: FILE }', or through 'records' at the top and"
        + " 'dns: records'", for: "hook"),
    HabitKey(
      "delay propagation propagation_delay propagation_seconds propagation_timeout"
        + " delaybeforecheck wait timeout", in: ways,
      "a hook has 'wait' and 'timeout'; with 'update' the servers of the zone are asked until they have the"
        + " records"),
    HabitKey(
      "nameserver nameservers host address primary master addr ns", in: update,
      "'server' is the primary, such as \"192.0.2.1:53\"", for: "server"),
    HabitKey(
      "secret key tsig_secret tsig_key key_secret keyfile", in: update,
      "'key_file' is a file with the secret", for: "key_file"),
    HabitKey(
      "name keyname key_id tsig_name tsig_keyname tsig_key_name", in: update,
      "'key_name' is the name of the TSIG key", for: "key_name"),
    HabitKey(
      "tsig_algorithm alg key_alg hmac", in: update, "'algorithm' is hmac-sha256 or hmac-sha512"),
    HabitKey("port", in: update, "'server' has the port, such as \"192.0.2.1:53\""),
    HabitKey(
      "ttl", in: update, "records live for a minute, and are removed after the answer of the issuer"
    ),
    HabitKey(
      "domain domains base", in: update, "'zone' is where the records are written", for: "zone"),
    HabitKey(
      "slaves slave secondary nameservers servers", in: update,
      "'secondaries' are further servers of the zone"),
    HabitKey(
      "path program script exec file run", in: hook, "'command' is the path of the program",
      for: "command"),
    HabitKey(
      "args arguments env environment", in: hook,
      "it is called with present or cleanup, the name of the record and its value; wrap it in a script"
    ),
    HabitKey(
      "delay propagation propagation_delay propagation_seconds sleep", in: hook,
      "'wait' is how long the servers of the zone take"),
  ]
}
