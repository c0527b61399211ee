/// Keys of BIND, dnsmasq, Knot, external-dns, certbot, lego and providers in `dns` and `records`, and what
/// people call the two.
extension Habits {
  private static let top = [""]
  private static let zone = ["dns"]
  private static let kept = ["records"]

  static let dns = namesTop + nameService + records

  private static let namesTop = [
    HabitKey(
      "public_ip public_ips public_address public_addresses publicip external_ip external_address"
        + " external_addresses advertise advertise_address advertised_addresses advertise_client_urls"
        + " public_ipv4 public_ipv6 nat_ip elastic_ip",
      in: top, "'public: [203.0.113.1]' lists the addresses at which clients reach this server",
      for: "public"),
    HabitKey(
      "nameserver name_server name_service dns_server dns_service dns_zone dns_listen authoritative"
        + " named zone zones delegation gslb geodns",
      in: top, "'dns: { zone: fleet.example.org }' is the zone that the servers answer", for: "dns"),
    HabitKey(
      "dns_provider dns_records dns_update record ddns dyndns dynamic_dns external_dns externaldns"
        + " provider cloudns rfc2136 nsupdate failover dns_failover",
      in: top,
      "'records: { provider: rfc2136, zone: example.org, names: [\"*\"] }' keeps addresses at a provider",
      for: "records"),
    HabitKey(
      "hook hooks exec", in: top,
      "'records: { provider: exec, command: FILE }' keeps addresses by a program"),
  ]

  private static let nameService = [
    HabitKey(
      "domain domains origin name zone_name zones zonename fqdn base", in: zone,
      "'zone' is what is delegated to the servers", for: "zone"),
    HabitKey(
      "nameservers nameserver ns hosts peers members nodes edges fleet server addresses ips",
      in: zone,
      "'servers' lists all servers where there is no etcd, which knows them otherwise"),
    HabitKey(
      "bind port address listen_on listen_address listen_addresses interface interfaces udp tcp",
      in: zone, "'listen' is default, or a list such as [\"203.0.113.1:53\"], over UDP and TCP"),
    HabitKey(
      "public public_ip public_ips external_ip", in: zone,
      "'public' is at the top: public: [203.0.113.1]"),
    HabitKey(
      "rrl ratelimit rate limit rate_limits responses_per_second qps max_qps", in: zone,
      "'rate_limit' is the number of answers a second to one network"),
    HabitKey(
      "min_ttl max_ttl default_ttl ttls cache_ttl", in: zone, "'ttl' is that of the addresses"),
    HabitKey(
      "rise open_after hold_down holddown return recovery grace back_after delay", in: zone,
      "'return_after' is how long an address is well before it is back"),
    HabitKey(
      "health check checks health_check interval timeout monitor monitoring fall fall_time",
      in: zone,
      "the servers connect to one another's https port twice a second; there is nothing to set"),
    HabitKey(
      "soa serial refresh retry expire minimum mname rname hostmaster mbox", in: zone,
      "the servers make the SOA record themselves"),
    HabitKey(
      "records record a aaaa txt mx cname srv caa zone_file zonefile file entries", in: zone,
      "the zone has nothing but what the servers answer; other records belong into the zone above, at"
        + " your provider"),
    HabitKey(
      "forward forwarder forwarders recursion recursive allow_recursion resolver resolvers upstream"
        + " upstreams cache",
      in: zone, "nothing is looked up for others: the servers answer for their own zone alone"),
    HabitKey(
      "allow_query allow_transfer transfer axfr acl views view notify also_notify secondaries slaves",
      in: zone, "everybody is answered, and no zone is transferred: each server answers by itself"),
    HabitKey(
      "dnssec sign signing ksk zsk", in: zone,
      "the zone is not signed: leave its DS record out at the provider"),
    HabitKey(
      "provider api_key api_token token key credentials hook", in: zone,
      "no provider is asked here; 'records' at the top keeps addresses at one"),
    HabitKey(
      "hostnames hostname cname cnames alias aliases host sites", in: zone,
      "'names' lists your names that lead to all.ZONE"),
  ]

  private static let records = [
    HabitKey(
      "type driver plugin module name service backend kind source", in: kept,
      "'provider' is rfc2136, cloudns or exec", for: "provider"),
    HabitKey(
      "domain domains domain_name zone_name zones zoneid zone_id base", in: kept,
      "'zone' is the zone at the provider", for: "zone"),
    HabitKey(
      "hosts host hostname hostnames records record subdomain subdomains entries domain_filter",
      in: kept,
      "'names' lists them, such as [\"*\", \"@\"]", for: "names"),
    HabitKey("dryrun simulate test noop read_only what_if", in: kept, "'dry_run: true' only logs"),
    HabitKey(
      "nameserver nameservers primary master addr ip host_ip ns", in: kept,
      "'server' is the primary, such as \"192.0.2.1:53\"", for: "server"),
    HabitKey(
      "secret key tsig_secret tsig_key key_secret keyfile", in: kept,
      "'key_file' is a file with the secret of the TSIG key", for: "key_file"),
    HabitKey(
      "keyname key_id tsig_name tsig_keyname tsig_key_name", in: kept,
      "'key_name' is the name of the TSIG key", for: "key_name"),
    HabitKey(
      "tsig_algorithm alg key_alg hmac", in: kept, "'algorithm' is hmac-sha256 or hmac-sha512"),
    HabitKey("port", in: kept, "'server' has the port, such as \"192.0.2.1:53\""),
    HabitKey(
      "password auth_password sub_auth_password api_password cloudns_auth_password", in: kept,
      "'password_file' is a file with the password", for: "password_file"),
    HabitKey(
      "authid user userid user_id login username cloudns_auth_id cloudns_sub_auth_id", in: kept,
      "'sub_auth_id', 'sub_auth_user' or 'auth_id' is the user of ClouDNS's API", for: "auth_id"),
    HabitKey("api endpoint base_url api_url", in: kept, "'url' is what ClouDNS's API is behind"),
    HabitKey(
      "hook script program exec path run binary", in: kept, "'command' is the path of the program",
      for: "command"),
    HabitKey(
      "env environment envfile env_file environmentfile variables", in: kept,
      "'environment_file' is a file with NAME=VALUE on each line", for: "environment_file"),
    HabitKey(
      "token api_token api_key apikey api_secret access_key secret_key credentials", in: kept,
      "a program of 'provider: exec' has it in its 'environment_file'"),
    HabitKey(
      "args arguments", in: kept,
      "it is called with add or remove, a name, a type, a value and a TTL; wrap it in a script"),
    HabitKey(
      "interval period refresh sync poll schedule", in: kept,
      "records are changed at once, and looked at every five minutes"),
    HabitKey(
      "values targets target addresses ips a aaaa value content", in: kept,
      "the values are the addresses of 'public' of the servers that live"),
    HabitKey(
      "minimum min keep at_least floor", in: kept, "the last two of a name are never removed"),
    HabitKey("proxied priority weight region geo", in: kept, "plain A and AAAA records are kept"),
  ]
}
