/// Keys that people write who know nginx, HAProxy, Caddy, Traefik or Apache, and what there is here.
///
/// Each is written in lower case with `_` for `-`; `places` are the mappings it is looked for in.
struct HabitKey {
  /// Space-separated.
  var words: String
  /// Rows of our own, `""` for the top; empty for everywhere.
  var places: [String]
  /// What there is instead, without a full stop.
  var advice: String
  /// The key of ours that counts as given, so that it is not reported as missing too.
  var stands: String?

  init(_ words: String, in places: [String], _ advice: String, for stands: String? = nil) {
    self.words = words
    self.places = places
    self.advice = advice
    self.stands = stands
  }
}

extension Habits {
  /// The first row that fits counts.
  static let keys: [HabitKey] = [
    clientCertificates,
    acme,
    dns,
    access,
    sites,
    destinations,
    answers,
    certificates,
    limits,
    nodes,
    server,
  ].flatMap { $0 }

  private static let top = [""]
  private static let route = ["routes[]"]
  private static let upstream = ["upstreams.NAME"]
  private static let node = ["upstreams.NAME.nodes[]"]

  private static let aSite = "each site is an entry of 'routes', such as '- host: app.example.org'"

  private static let sites = [
    HabitKey(
      "server servers virtualhost vhost vhosts site sites domain domains host hosts hostname"
        + " location locations server_name routers ingress rules",
      in: top, aSite, for: "routes"),
    HabitKey(
      "server_name server_names servername server_alias serveralias hosts hostname hostnames domain"
        + " domains name names alias aliases site",
      in: route,
      "'host' is a name, or *. and a name, or a list of them", for: "host"),
    HabitKey(
      "rule rules matcher matchers acl when if condition", in: route,
      "'host', 'path', 'methods' and 'match' say which requests a route is for", for: "host"),
    HabitKey(
      "location locations paths prefix path_prefix path_regexp uri url handle route",
      in: route, "'path' is what paths begin with; a further path is a route of its own"),
    HabitKey(
      "method limit_except http_methods allowed_methods", in: route,
      "'methods: [GET, POST]' are those that a route takes"),
    HabitKey(
      "query querystring query_string header_regexp", in: route,
      "'match: { headers: { NAME: VALUE }, query: { NAME: VALUE } }' says which requests a route takes"
    ),
    HabitKey(
      "priority order weight", in: route,
      "the exact host, the longest path and the most conditions win"),
    HabitKey(
      "default default_server catch_all fallback", in: route,
      "'host: \"*\"' is every host that no other route has", for: "host"),
    HabitKey(
      "snippet snippets template templates preset presets common shared macro", in: top,
      "'defaults' has keys for all routes, 'groups' for those that 'use' one"),
    HabitKey(
      "include import apply extends inherit inherits group groups snippet template defaults",
      in: route, "'use: NAME' takes the keys of 'groups: { NAME: { … } }' at the top"),
    HabitKey(
      "listen port ports", in: route + upstream,
      "one 'listen' at the top is for all routes: { https: [\"0.0.0.0:443\"] }"),
  ]

  private static let destinations = [
    HabitKey(
      "proxy_pass uwsgi_pass fastcgi_pass scgi_pass grpc_pass reverse_proxy proxypass proxy"
        + " backend backends use_backend default_backend service services target targets to"
        + " upstreams app application pool balancer forward php_fastcgi nodes",
      in: route, "'upstream' is a name under 'upstreams', whose 'nodes' have the addresses",
      for: "upstream"),
    HabitKey(
      "root document_root documentroot file_server static static_files dir directory folder try_files"
        + " autoindex browse",
      in: route,
      "'files: /srv/app/static' answers from a directory; 'index' and 'listing' are below files",
      for: "files"),
    HabitKey(
      "try_files fallback_resource fallbackresource not_found spa error_page",
      in: ["routes[].files"],
      "'fallback: index.html' answers for what is not there"),
    HabitKey(
      "return redir redirects redirect_to redirectmatch rewrite_rule", in: route,
      "here it is 'redirect: { to: \"https://www.example.org{path}{query}\" }', or 'respond: { status: 404 }'",
      for: "redirect"),
    HabitKey(
      "rewrite strip_path stripprefix rewriterule replace_path replace_path_regex uri_prefix"
        + " handle_path script_name mount addprefix url_prefix root_path",
      in: route,
      "'strip_prefix: /app' takes off what the path begins with, 'add_prefix' puts in front"),
    HabitKey(
      "canonical canonical_name usecanonicalname redirect_www www_redirect main_host primary",
      in: route, "'canonical_host: example.org' sends clients of the other hosts there"),
    HabitKey(
      "backend backends services apps applications clusters pools proxies service", in: top,
      "applications are under 'upstreams', each under its name", for: "upstreams"),
    HabitKey("routers locations", in: top, aSite, for: "routes"),
  ]

  private static let answers = [
    HabitKey(
      "add_header header headers response_header more_set_headers header_down http_response",
      in: route,
      "'response_headers: { set: { NAME: VALUE } }' is what the client gets"),
    HabitKey(
      "proxy_set_header request_header header_up http_request requestheader uwsgi_param", in: route,
      "'request_headers: { set: { NAME: VALUE } }'; Host and X-Forwarded-* are sent without it"),
    HabitKey(
      "gzip gzip_types gzip_comp_level encode compression deflate brotli zstd", in: top + route,
      "here it is 'compress: { default: on }' at the top, or 'compress: on' in a route"),
    HabitKey(
      "force_https https_redirect redirect_https ssl_redirect https_only", in: top + route,
      "http is redirected to https without it"),
    HabitKey(
      "access_control cors_policy corspolicy enable_cors cors_allow_origin accesscontrolalloworiginlist"
        + " access_control_allow_origin preflight",
      in: route, "'cors: { origins: [\"https://app.example.org\"] }' is for pages of other origins"),
    HabitKey(
      "allow_origin allow_origins allowed_origins origin accesscontrolalloworiginlist alloworigins",
      in: ["routes[].cors"], "'origins' lists whose pages may read answers", for: "origins"),
    HabitKey(
      "allow_methods allowed_methods", in: ["routes[].cors"],
      "'methods' lists what their pages may use"),
    HabitKey(
      "allow_headers allowed_headers", in: ["routes[].cors"],
      "'headers' lists the fields of requests that their pages may set"),
    HabitKey(
      "expose_headers exposed_headers", in: ["routes[].cors"],
      "'expose' lists the fields of answers that their pages may read"),
    HabitKey(
      "allow_credentials supports_credentials", in: ["routes[].cors"],
      "'credentials: true' has cookies sent"),
    HabitKey(
      "stale proxy_cache_use_stale uwsgi_cache_use_stale fastcgi_cache_use_stale cachestaleonerror"
        + " grace stale_error stale_on_error serve_stale stale_while_revalidate stale_timeout",
      in: route, "'stale_if_error: 1h' is how old the last good answer may be that is given"),
    HabitKey(
      "stale_if_error cachestaleonerror proxy_cache_use_stale uwsgi_cache_use_stale", in: top,
      "it belongs in a route: 'stale_if_error: 1h'; 'stale: { memory: 64MiB }' bounds all of it"),
    HabitKey(
      "max_size keys_zone size mem memory_max cachesize", in: ["stale"],
      "'memory' and 'disk' bound what is kept, 'object_max' one answer"),
    HabitKey(
      "cache proxy_cache proxy_cache_path proxy_cache_valid uwsgi_cache cacheenable expires",
      in: top + route,
      "nothing is cached here; 'stale_if_error: 1h' in a route keeps the last good answer for when no"
        + " application answers"),
    HabitKey(
      "middlewares middleware plugins filters handlers", in: [],
      "a route has keys for each, and 'groups' at the top names several of them"),
  ]

  private static let certificates = [
    HabitKey(
      "ssl_certificate ssl_certificate_key sslcertificatefile sslcertificatekeyfile cert certs"
        + " cert_file certfile key_file keyfile key crt pem chain fullchain privkey certificate"
        + " certificates",
      in: top + route + ["certificates", "tls", "listen"],
      "'certificates: { directory: DIR }' has them as NAME/fullchain.pem with NAME/privkey.pem"),
    HabitKey(
      "letsencrypt acme acme_issuer acme_certificate acme_ca acme_email email certresolver cert_resolver certificatesresolvers"
        + " certresolvers auto_https autocert automatic_https on_demand_tls issuer issuers cert_issuer"
        + " acme_dns dns_challenge agree_tos certbot lego",
      in: top + route + ["certificates", "tls"],
      "'acme: { terms_accepted: true, certificates: [{ names: [example.org] }] }' at the top orders"
        + " certificates"),
    HabitKey(
      "ssl_protocols protocols min_version minversion minimum_version sslprotocol ssl_min_ver"
        + " versions version max_version maximum",
      in: ["tls", "listen"], "'tls: { minimum: \"1.2\" }' is the oldest version that is served"),
    HabitKey(
      "ssl_protocols min_version ssl_min_ver", in: top + route,
      "'tls: { minimum: \"1.2\" }' is the oldest version that is served"),
    HabitKey(
      "ssl_ciphers ciphers ciphersuites cipher_suites ssl_prefer_server_ciphers curves"
        + " ssl_dhparam ssl_ecdh_curve ssl_stapling ssl_session_cache ssl_session_timeout options",
      in: top + route + ["tls", "listen"],
      "there is nothing to choose: ciphers and curves are Mozilla's intermediate recommendation"),
    HabitKey(
      "ssl", in: top + route + ["listen"],
      "https is always on; 'tls' has the versions, 'certificates' the directory"),
    HabitKey("tls", in: route, "TLS is for all routes: 'tls' and 'certificates' are at the top"),
  ]

  private static let limits = [
    HabitKey(
      "client_max_body_size max_body_size body_limit max_body limit_request_body limitrequestbody"
        + " request_body body_size max_size maxrequestbodybytes",
      in: [], "'body_max: 20MiB' of a route is the largest request body"),
    HabitKey(
      "proxy_connect_timeout proxy_read_timeout proxy_send_timeout uwsgi_read_timeout"
        + " uwsgi_send_timeout uwsgi_connect_timeout fastcgi_read_timeout proxytimeout",
      in: [], "an upstream has 'timeouts: { connect: 1s, response: 60s, idle: 60s }'"),
    HabitKey(
      "timeout timeouts connect_timeout read_timeout send_timeout response_timeout", in: route,
      "an upstream has 'timeouts: { connect: 1s, response: 60s, idle: 60s }'"),
    HabitKey(
      "keepalive_timeout client_body_timeout client_header_timeout send_timeout",
      in: top + ["listen"],
      "'timeouts: { head: 10s, body: 30s, send: 30s, keep_alive: 75s }' is towards clients"),
    HabitKey(
      "limit_req limit_req_zone rate_limit ratelimit rate rps", in: top + route + ["limits"],
      "here it is 'requests_per_address: { rate: 10, burst: 20 }' in 'limits' or in a route"),
    HabitKey(
      "limit_conn limit_conn_zone", in: [], "here it is 'limits: { connections_per_address: 100 }'"),
    HabitKey(
      "maxconn max_connections worker_connections maxclients", in: top + ["listen", "limits"],
      "'limits: { connections: 20000 }' is for each worker"),
    HabitKey(
      "large_client_header_buffers client_header_buffer_size limitrequestfieldsize", in: [],
      "'limits: { head: 32KiB }' is the largest request head"),
    HabitKey(
      "client_header_buffer", in: ["limits"], "'head' is the largest request head"),
  ]

  private static let nodes = [
    HabitKey(
      "server servers address addresses url urls uri host hosts endpoint endpoints member members"
        + " target targets socket sockets backends instances loadbalancer port to node",
      in: upstream, "'nodes' lists the addresses, such as [\"unix:/run/app.sock\"]", for: "nodes"),
    HabitKey(
      "url uri host server socket ip port target endpoint node", in: node,
      "'address' is the whole address, such as \"10.0.0.2:3031\"", for: "address"),
    HabitKey(
      "max_fails fail_timeout fall rise inter check", in: upstream + node,
      "an upstream has 'health: { interval: 2s, rise: 2, fall: 3 }'"),
    HabitKey("max_conns maxconn max_connections", in: upstream + node, "a node has 'cores: 8'"),
    HabitKey(
      "weight backup cores", in: upstream,
      "it belongs to a node: nodes: [{ address: \"10.0.0.2:3031\", weight: 2 }]"),
    HabitKey(
      "health_check healthcheck health_checks health_uri health_path httpchk healthz option",
      in: upstream,
      "'health: { path: /up }' asks the nodes"),
    HabitKey(
      "ip_hash least_conn round_robin lb lb_policy lb_method load_balancing algorithm policy strategy"
        + " hash random",
      in: upstream, "'balance' is least-requests, round-robin or hash"),
    HabitKey(
      "cookie sticky_session sticky_sessions session_affinity affinity persistence", in: upstream,
      "'sticky: NAME' binds a browser to a node by a cookie of that name"),
    HabitKey(
      "scheme type proto mode driver ssl transport", in: upstream,
      "'protocol' is uwsgi, http, https or tcp"),
    HabitKey(
      "connect_timeout read_timeout send_timeout response_timeout dial_timeout", in: upstream,
      "here it is 'timeouts: { connect: 1s, response: 60s, idle: 60s }'"),
    HabitKey(
      "retries tries max_retries attempts proxy_next_upstream proxy_next_upstream_tries",
      in: upstream,
      "here it is 'retry: { tries: 3 }'"),
    HabitKey(
      "body_max path files redirect compress", in: upstream, "it belongs in a route"),
  ]

  private static let server = [
    HabitKey(
      "http https stream frontend frontends entrypoints entry_points bind port ports addresses"
        + " address", in: top,
      "'listen: { https: [\"0.0.0.0:443\"], http: [\"0.0.0.0:80\"] }' is where clients come in"),
    HabitKey(
      "port ports bind address addresses ssl_port", in: ["listen"],
      "'https' and 'http' list addresses, such as [\"0.0.0.0:443\", \"[::]:443\"]"),
    HabitKey(
      "error_log errorlog", in: top + route,
      "the error log goes to standard error, for journald; 'log: { level: info }' says how much"),
    HabitKey(
      "access_log accesslog customlog log_format logformat log_level loglevel"
        + " logging logs logger",
      in: top + route, "'log: { access: FILE, format: json, level: info }' is at the top"),
    HabitKey(
      "file path output destination errors error", in: ["log"],
      "'access' is the access log's file; the error log goes to standard error, for journald"),
    HabitKey(
      "skip skip_paths exclude excludes exclude_paths ignore ignore_paths filter filters healthz"
        + " health_checks loghealth log_health", in: ["log"],
      "'health: false' leaves out requests for the health; nothing else can be left out"),
    HabitKey(
      "fields template pattern log_format logformat", in: ["log"],
      "'format' may be a text with fields: \"{client} {method} {path} {status} {duration}\""),
    HabitKey(
      "tracing trace opentelemetry otel otel_trace otel_trace_context opentracing zipkin jaeger"
        + " traceparent tracestate propagation", in: top + route,
      "'traces: { mode: make }' at the top begins a trace where no traceparent came; spans are"
        + " made by applications"),
    HabitKey(
      "sampling sample_rate sampler ratio", in: ["traces"],
      "'sampled' is true or false: whether to record is decided by applications and collectors"),
    HabitKey(
      "trust trusted accept", in: ["traces"],
      "'from: trusted' believes those that 'trusted' at the top lists"),
    HabitKey(
      "worker_processes workers threads nbthread nbproc processes", in: top,
      "'--workers N' of the command line is the number of threads; default: one for each processor"),
    HabitKey(
      "user group chroot pid pidfile daemon daemonize", in: top,
      "the service's unit says that: systemctl edit edgeproxy"),
    HabitKey("include import imports conf_d", in: [], "one file has the whole configuration"),
    HabitKey(
      "set_real_ip_from real_ip_header real_ip_recursive trusted_proxies trustedips trusted_ips"
        + " forwarded_headers forwardedheaders remoteipheader remoteiptrustedproxy",
      in: [], "'trusted: [\"10.0.0.0/8\"]' at the top lists the proxies that are believed"),
    HabitKey(
      "metrics prometheus stats status stub_status dashboard api ping",
      in: top + route + ["listen"],
      "'listen: { admin: \"127.0.0.1:9180\" }' serves status and metrics"),
    HabitKey("resolver resolvers dns", in: [], "names are looked up as the system does"),
    HabitKey(
      "env environment variables", in: top,
      "the service's unit sets variables, and ${NAME} takes one here"),
    HabitKey("name server_id id hostname", in: top, "'node' is the name of this server"),
    HabitKey("global events settings config", in: top, "there is no such part here"),
    HabitKey("http3 quic h3", in: [], "HTTP/3 is not served"),
    HabitKey(
      "<<", in: [],
      "YAML's merging is not taken; 'defaults' and 'groups' have keys for several routes"),
  ]
}
