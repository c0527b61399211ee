import Testing

@testable import Migration

@Suite("Sites of nginx")
struct NginxImportTests {
  @Test func `a reverse proxy is an upstream and a route`() {
    #expect(
      Importing.nginx("location / { proxy_pass http://127.0.0.1:8000; }") == """
        upstreams:
          a: { protocol: http, nodes: ["127.0.0.1:8000"] }
        routes:
          - { host: a.example, upstream: a }

        """)
  }

  @Test func `an upstream block has its servers, and how they are chosen`() {
    let block = """
      upstream back { hash $cookie_id; server 10.0.0.1:80 weight=3 max_conns=8; server b.example:81 backup;
      server 10.0.0.3 down; keepalive 32; }
      """
    #expect(
      Importing.nginx(
        "location / { proxy_pass http://back; proxy_connect_timeout 2s; proxy_read_timeout 5m; }",
        outside: block)
          == """
          upstreams:
            back:
              protocol: http
              nodes:
                - { address: "10.0.0.1:80", weight: 3, cores: 8 }
                - { address: "b.example:81", backup: true }
              balance: hash
              hash_on: cookie:id
              timeouts: { connect: 2s, response: 5m, idle: 5m }
              keep_alive: { connections: 32 }
          routes:
            - { host: a.example, upstream: back }

          """.replacing("cookie:id", with: "\"cookie:id\""))
  }

  @Test(
    arguments: [
      (
        "location /app/ { proxy_pass http://127.0.0.1:1/; }", "path: /app/", "strip_prefix: /app",
        nil
      ),
      (
        "location /app { proxy_pass http://127.0.0.1:1/v2; }", "path: /app", "strip_prefix: /app",
        "add_prefix: /v2"
      ),
      (
        "location / { proxy_pass http://127.0.0.1:1/base/; }", "host: a.example", nil,
        "add_prefix: /base"
      ),
      ("location /app/ { proxy_pass http://127.0.0.1:1; }", "path: /app/", nil, nil),
      ("location /app/ { proxy_pass http://127.0.0.1:1/app/; }", "path: /app/", nil, nil),
      (
        "location /a/ { rewrite ^/a/(.*)$ /$1 break; proxy_pass http://127.0.0.1:1; }", "path: /a/",
        "strip_prefix: /a", nil
      ),
    ] as [(String, String, String?, String?)])
  func `the path of the URL takes the place of the location's`(
    location: String, path: String, strip: String?, add: String?
  ) {
    let text = Importing.nginx(location)
    #expect(text.contains(path))
    #expect(text.contains("strip_prefix") == (strip != nil) && text.contains(strip ?? ""))
    #expect(text.contains("add_prefix") == (add != nil) && text.contains(add ?? ""))
  }

  @Test(arguments: [
    ("root /srv/www;", #"{ host: a.example, files: /srv/www }"#),
    (
      "location /s/ { alias /srv/s/; autoindex on; }", "files: { directory: /srv/s, listing: true }"
    ),
    (
      "root /srv; location /s/ { index a.html b.php; }",
      "files: { directory: /srv/s, index: [a.html] }"
    ),
    (
      "root /srv; location / { try_files $uri $uri/ /index.html; }",
      "files: { directory: /srv, fallback: index.html }"
    ),
    (
      "root /srv; location /s/ { expires 1h; add_header Cache-Control public; }",
      #"cache_control: "max-age=3600, public""#
    ),
    (
      "return 301 https://b.example$request_uri;",
      #"redirect: { to: "https://b.example{path}{query}", status: 301 }"#
    ),
    (
      "location /h { return 200 ok; }",
      "respond: { status: 200, body: ok, content_type: text/plain }"
    ),
    (
      "rewrite ^/old/(.*)$ /new/$1 permanent;",
      #"path: /old, redirect: { to: "/new/{rest}{query}", status: 301 }"#
    ),
    ("location / { uwsgi_pass unix:///run/a.sock; }", #"a: { nodes: ["unix:/run/a.sock"] }"#),
    (
      "location / { try_files $uri @app; } location @app { proxy_pass http://127.0.0.1:1; }",
      "upstream: a"
    ),
    (
      "location ~ ^/(x|y)/ { return 404; }",
      "{ host: a.example, path: /y/, respond: { status: 404 } }"
    ),
    ("client_max_body_size 0; location / { proxy_pass http://b; }", "body_max: 1TiB"),
    (
      #"add_header Strict-Transport-Security "max-age=63072000; includeSubDomains; preload" always; root /srv;"#,
      "hsts: { max_age: 17520h, include_subdomains: true, preload: true }"
    ),
    (
      "ssl_verify_client on; ssl_client_certificate /ca.pem; root /srv;",
      "client_certificates: { ca: /ca.pem, mode: require }"
    ),
    (
      "location / { limit_except GET POST { deny all; } proxy_pass http://b; }",
      "methods: [GET, POST]"
    ),
    (
      #"location / { proxy_set_header X-A "b c"; proxy_set_header Accept-Encoding ""; proxy_pass http://b; }"#,
      #"request_headers: { remove: [Accept-Encoding], set: { X-A: "b c" } }"#
    ),
    (
      "location / { auth_request /auth; proxy_pass http://b; } location = /auth { internal; proxy_pass http://c/check; }",
      "forward_auth: { upstream: auth, path: /check }"
    ),
    ("location / { proxy_pass https://b; }", "tls: { verify: false }"),
  ])
  func `a directive becomes a key`(directives: String, written: String) {
    #expect(Importing.nginx(directives).contains(written), "\(Importing.nginx(directives))")
  }

  @Test
  func `http that only leads to https needs no route, and a site without TLS is served over https`()
  {
    let plain = "server { listen 80; server_name a.example; return 301 https://$host$request_uri; }"
    let text = Importing.nginx("root /srv;", outside: plain)
    #expect(text == "routes:\n  - { host: a.example, files: /srv }\n")
    let alone = "server { listen 80 default_server; server_name _; root /srv; }"
    #expect(Importing.configuration(.nginx, alone) == "routes:\n  - { host: \"*\", files: /srv }\n")
  }

  @Test func `one name that the others are redirected to is the canonical one`() {
    let text = Importing.configuration(
      .nginx,
      """
      server { listen 443 ssl; server_name a.example www.a.example; root /srv;
      if ($host = www.a.example) { return 301 https://a.example$request_uri; } }
      """)
    #expect(text.contains("host: [a.example, www.a.example]"))
    #expect(text.contains("canonical_host: a.example"))
  }

  @Test func `settings that most routes have are a group`() {
    let text = Importing.nginx(
      "add_header X-A b; root /srv; location /x/ { } location /y/ { } location /z/ { add_header X-B c; }"
    )
    #expect(text.contains("groups:\n  a-site:\n    response_headers: { add: { X-A: b } }\n"))
    #expect(text.contains("- host: a.example\n    path: /x/\n    use: a-site\n    files: /srv/x\n"))
  }

  @Test func `certificates come with the commands that put them in their place`() {
    let text = Importing.result(
      .nginx,
      "server { listen 443 ssl; server_name a.example; ssl_certificate '/c d/f.pem'; ssl_certificate_key k.pem; root /srv; }"
    ).text
    let place = "/etc/edgeproxy/certificates/a.example"
    #expect(
      text?.contains("#   install -g edgeproxy -m 0640 '/c d/f.pem' \(place)/fullchain.pem\n")
        == true)
    #expect(
      text?.contains("install -g edgeproxy -m 0640 /etc/other/k.pem \(place)/privkey.pem\n") == true
    )
  }

  @Test func `each directive without a counterpart is told with its place and what to do`() {
    let comments = Importing.comments(
      .nginx,
      """
      server { listen 443 ssl; server_name a.example ~^x$; root /srv; sendfile on; frobnicate 1;
      location ~* \\.(css|js)$ { expires 1d; }
      location /f/ { fastcgi_pass unix:/run/php.sock; }
      sub_filter a b; }
      """)
    for line in [
      "main.conf:1: server_name a.example ~^x$: '~^x$' is no name that can be routed; write exact names",
      "Nothing to do for: sendfile (main.conf:1)",
      "main.conf:1: frobnicate 1: there is no counterpart, or the import does not know it",
      "main.conf:2: location ~* \\.(css|js)$: there are no regular expressions; 'files: {",
      "main.conf:3: fastcgi_pass unix:/run/php.sock: PHP and CGI have no counterpart; serve them",
      "main.conf:4: sub_filter a b: bodies are never changed here",
    ] { #expect(comments.contains(line), "\(comments)") }
  }
}

@Suite("What nginx kept from somebody")
struct NginxRestrictionTests {
  @Test(arguments: [
    "allow 10.1.2.3; deny 10.0.0.0/8; allow all;", "auth_basic x;", "auth_request /nowhere;",
    "ssl_verify_client on;", "auth_basic x; auth_basic_user_file $file;",
  ])
  func `a route is closed where that cannot be kept`(directives: String) {
    let text = Importing.nginx("location / { \(directives) proxy_pass http://b; }")
    #expect(text.contains("deny: [\"0.0.0.0/0\", \"::/0\"]"))
  }

  @Test func `what no route is for is told at the top and beside the result`() {
    let result = Importing.result(
      .nginx,
      "server { listen 443 ssl; server_name a.example; root /srv; location ~ \\.bak$ { deny all; } }"
    )
    #expect(result.text?.contains("LOOK AT THESE FIRST") == true)
    #expect(result.dangers.map(\.place.line) == [1])
  }

  @Test(arguments: [
    "location = / { auth_basic x; }", "location /a { } location = /a { deny all; }",
    "location /x/ { ssl_crl /crl.pem; }", "if ($http_x = 1) { return 403; }",
  ])
  func `a restriction of something that has no route is told beside the result`(lines: String) {
    let text = "server { listen 443 ssl; server_name a.example; root /srv;\n\(lines) }"
    #expect(Importing.result(.nginx, text).dangers.map(\.place.line) == [2])
  }

  @Test func `files among which programs ran are not sent as text`() {
    let php = "root /srv; location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; }"
    #expect(Importing.nginx(php).contains("respond: { status: 503 }"))
    let text = Importing.configuration(
      .nginx, "server { listen 443 ssl; server_name a.example; root /srv; }",
      directories: ["/srv": ["index.PHP"]])
    #expect(text.contains("respond: { status: 503 }"))
  }
}
