/// What people write who kept others out with nginx, Apache, Caddy, Traefik or HAProxy.
extension Habits {
  private static let places = ["", "routes[]"]

  static let access = [
    HabitKey(
      "whitelist allowlist allow_list ip_whitelist ipallowlist ipwhitelist ip_allow_list source_range"
        + " sourcerange remote_ip allow_from require satisfy",
      in: places, "'allow: [10.0.0.0/8]' lets only these clients in"),
    HabitKey(
      "blacklist denylist deny_list blocklist block ip_blacklist deny_from http_request_deny",
      in: places, "'deny: [192.0.2.0/24]' keeps these clients out"),
    HabitKey(
      "auth_basic auth_basic_user_file basicauth auth users password passwords htpasswd authtype"
        + " authuserfile authname userlist http_auth",
      in: ["routes[]"],
      "'basic_auth: { file: /etc/edgeproxy/users, realm: Staging }' asks for a name and a password"),
    HabitKey(
      "auth_basic auth_basic_user_file basic_auth basicauth auth users userlist password htpasswd"
        + " authtype",
      in: [""],
      "it belongs in a route: 'basic_auth: { file: /etc/edgeproxy/users, realm: Staging }'"),
    HabitKey(
      "user_file users users_file usersfile userfile htpasswd path", in: ["routes[].basic_auth"],
      "'file' names the file that htpasswd -B has made", for: "file"),
    HabitKey(
      "auth_request auth_request_set forwardauth auth_url auth_proxy external_auth", in: places,
      "'forward_auth: { upstream: auth, path: /verify }' in a route asks another application"),
    HabitKey(
      "forward_auth", in: [""],
      "it belongs in a route: 'forward_auth: { upstream: auth, path: /verify }'"),
    HabitKey(
      "address url", in: ["routes[].forward_auth"],
      "'upstream' is a name under 'upstreams', and 'path' what is asked for", for: "upstream"),
    HabitKey("uri", in: ["routes[].forward_auth"], "'path' is what is asked for", for: "path"),
    HabitKey(
      "auth_response_headers authresponseheaders response_headers headers",
      in: ["routes[].forward_auth"],
      "'copy_headers: [Remote-User]' are the fields that the application gets"),
  ]
}
