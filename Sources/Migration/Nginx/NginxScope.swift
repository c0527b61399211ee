/// The directives that hold at one place: those of `http`, of `server`, and of each `location` around it.
struct NginxScope {
  /// The innermost last.
  private(set) var levels: [DirectiveLevel]

  init(_ block: [Statement]) { levels = [DirectiveLevel(block)] }

  func within(_ block: [Statement]) -> NginxScope {
    var inner = self
    inner.levels.append(DirectiveLevel(block))
    return inner
  }

  /// The directives of the innermost block itself.
  var own: [Statement] { levels.last?.statements ?? [] }

  func own(_ name: String) -> Statement? { levels.last?.last(name) }

  func allOwn(_ names: String...) -> [Statement] { levels.last?.all(names) ?? [] }

  /// A directive that an inner block inherits.
  func last(_ name: String) -> Statement? {
    for level in levels.reversed() {
      if let found = level.last(name) { return found }
    }
    return nil
  }

  /// Directives that an inner block inherits only where it has none of them.
  func nearest(_ names: String...) -> [Statement] {
    for level in levels.reversed() {
      let found = level.all(names)
      if !found.isEmpty { return found }
    }
    return []
  }

  func isOn(_ name: String) -> Bool { last(name)?.first == "on" }
}

/// What of nginx's directives needs nothing here, and what there is instead of others.
enum NginxDirectives {
  enum Kind {
    /// Looked at where it counts.
    case handled
    case needless
    case lost(String)
    /// It kept something from somebody.
    case lostRestriction(String)
  }

  static func kind(_ statement: Statement) -> Kind {
    let name = statement.name
    if handled.contains(name) { return .handled }
    if needless.contains(name) { return .needless }
    if let advice = restrictions[name] { return .lostRestriction(advice) }
    if let row = advice.first(where: { $0.names.contains(name) }) { return .lost(row.advice) }
    if name.hasPrefix("fastcgi_") || name.hasPrefix("scgi_") { return .needless }
    if name.hasSuffix("_temp_path") || name.hasPrefix("ssl_") || name.hasPrefix("proxy_ssl_")
      || name.hasPrefix("gzip_")
    {
      return .needless
    }
    return .lost("there is no counterpart, or the import does not know it")
  }

  private static func words(_ text: String) -> Set<String> {
    Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  private static let handled = words(
    """
    http server location upstream limit_req_zone listen server_name root alias index autoindex try_files
    return rewrite if proxy_pass uwsgi_pass fastcgi_pass scgi_pass grpc_pass memcached_pass
    proxy_set_header proxy_hide_header uwsgi_hide_header proxy_cookie_path proxy_cookie_flags proxy_read_timeout uwsgi_read_timeout
    proxy_connect_timeout uwsgi_connect_timeout uwsgi_modifier1 uwsgi_param add_header expires allow deny
    satisfy auth_basic auth_basic_user_file auth_request auth_request_set internal ssl_certificate
    ssl_certificate_key ssl_client_certificate ssl_verify_client ssl_protocols gzip gzip_types
    gzip_comp_level gzip_min_length brotli brotli_types client_max_body_size limit_req limit_except
    error_page set_real_ip_from real_ip_header access_log log_format default_type proxy_ssl_verify
    proxy_ssl_trusted_certificate proxy_ssl_name types stub_status proxy_redirect map
    client_header_timeout client_body_timeout send_timeout keepalive_timeout
    """)

  private static let needless = words(
    """
    user worker_processes worker_connections worker_rlimit_nofile worker_cpu_affinity worker_priority pid events
    multi_accept use daemon load_module sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio directio
    types_hash_max_size types_hash_bucket_size server_names_hash_bucket_size server_names_hash_max_size
    map_hash_bucket_size map_hash_max_size variables_hash_max_size variables_hash_bucket_size server_tokens http2
    http2_push_preload http2_max_concurrent_streams ssl ssl_ciphers ssl_prefer_server_ciphers error_log
    log_not_found open_file_cache open_file_cache_valid open_file_cache_min_uses open_file_cache_errors
    keepalive_requests reset_timedout_connection client_body_buffer_size client_header_buffer_size
    large_client_header_buffers client_body_temp_path output_buffers postpone_output charset charset_types
    etag if_modified_since merge_slashes server_name_in_redirect port_in_redirect absolute_redirect
    real_ip_recursive proxy_http_version proxy_buffering proxy_buffer_size proxy_buffers proxy_busy_buffers_size
    proxy_request_buffering proxy_max_temp_file_size proxy_temp_file_write_size proxy_temp_path
    proxy_send_timeout uwsgi_send_timeout proxy_headers_hash_max_size proxy_headers_hash_bucket_size
    proxy_next_upstream proxy_next_upstream_tries proxy_next_upstream_timeout uwsgi_next_upstream
    proxy_pass_header uwsgi_pass_header proxy_ignore_client_abort proxy_socket_keepalive proxy_pass_request_headers
    proxy_pass_request_body uwsgi_buffering uwsgi_buffer_size uwsgi_buffers uwsgi_busy_buffers_size
    uwsgi_request_buffering uwsgi_max_temp_file_size uwsgi_ignore_client_abort uwsgi_pass_request_headers brotli_comp_level
    brotli_static brotli_min_length resolver resolver_timeout ignore_invalid_headers underscores_in_headers
    recursive_error_pages disable_symlinks limit_req_log_level limit_conn_log_level limit_req_status
    limit_conn_status rewrite_log uninitialized_variable_warn default zone keepalive_time chunked_transfer_encoding
    msie_padding lingering_close lingering_time lingering_timeout max_ranges env lock_file
    working_directory worker_shutdown_timeout proxy_intercept_errors uwsgi_intercept_errors
    """)

  private static let restrictions = [
    "ssl_crl": "certificates of clients that were revoked are not known here",
    "auth_jwt": "'forward_auth' of a route asks an authenticator, see docs/access.md",
    "auth_digest": "'forward_auth' of a route asks an authenticator, see docs/access.md",
    "secure_link": "the application has to check that",
    "valid_referers": "the application has to check that",
  ]

  private static let advice: [(names: Set<String>, advice: String)] = [
    (words("include"), "the file was not found"),
    (
      words(
        "proxy_cache proxy_cache_path proxy_cache_valid proxy_cache_key proxy_cache_use_stale proxy_cache_lock proxy_cache_bypass proxy_no_cache proxy_cache_methods proxy_cache_revalidate proxy_cache_min_uses proxy_cache_background_update uwsgi_cache uwsgi_cache_path uwsgi_cache_valid proxy_ignore_headers proxy_store"
      ),
      "nothing is cached here; 'stale_if_error: 1h' of a route answers while all nodes are down"
    ),
    (words("stream mail"), "TCP is passed on by 'listen: { tcp: … }', see docs/from-nginx.md"),
    (
      words("limit_conn limit_conn_zone"),
      "'limits: { connections_per_address: 100 }' is for all sites together"
    ),
    (
      words(
        "sub_filter sub_filter_once sub_filter_types addition_types add_before_body add_after_body ssi"
      ),
      "bodies are never changed here; the application has to write what is meant"
    ),
    (
      words("geo split_clients geoip_country geoip_city geoip2 set"),
      "there are no variables here"
    ),
    (words("mirror mirror_request_body"), "requests are never sent twice to be compared"),
    (words("dav_methods dav_access create_full_put_path"), "files are only read here"),
    (words("secure_link_md5 secure_link_secret"), "the application has to check that"),
    (words("quic http3 http3_hq"), "HTTP/3 is not served"),
    (
      words("proxy_cookie_domain uwsgi_cookie_domain proxy_method proxy_set_body"),
      "requests and cookies are passed on as they are; the application has to do it"
    ),
    (words("gzip_static"), "'files: { precompressed: [gzip] }' sends FILE.gz for FILE"),
    (words("proxy_bind"), "the system chooses the source address"),
    (words("limit_rate limit_rate_after"), "answers are sent as fast as clients take them"),
    (words("perl perl_modules js_content js_import js_set"), "there are no programs here"),
    (
      words("uwsgi_ssl_certificate uwsgi_ssl_verify"),
      "uwsgi goes in plain text; keep it on a private network"
    ),
  ]
}
