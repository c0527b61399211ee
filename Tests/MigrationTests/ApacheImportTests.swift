import Testing

@testable import Migration

@Suite("Sites of Apache")
struct ApacheImportTests {
  @Test(arguments: [
    ("ProxyPass / http://127.0.0.1:8000/", #"a: { protocol: http, nodes: ["127.0.0.1:8000"] }"#),
    ("ProxyPass / unix:/run/a.sock|uwsgi://a/", #"a: { nodes: ["unix:/run/a.sock"] }"#),
    (
      "ProxyPass / http://127.0.0.1:1/ timeout=5 connectiontimeout=100ms",
      "timeouts: { connect: 100ms, response: 5s, idle: 5s }"
    ),
    ("ProxyPass /app/ http://127.0.0.1:1/", "strip_prefix: /app"),
    ("ProxyPassMatch ^/api/(.*)$ http://127.0.0.1:1/v2/$1", "add_prefix: /v2"),
    (
      "<Location /x>\nProxyPass http://127.0.0.1:1/x\n</Location>",
      "{ host: a.example, path: /x, upstream: a }"
    ),
    ("DocumentRoot /srv\nDirectoryIndex a.html", "files: { directory: /srv, index: [a.html] }"),
    (
      "DocumentRoot /srv\nFallbackResource /index.html",
      "files: { directory: /srv, fallback: index.html }"
    ),
    (
      "DocumentRoot /srv\nRewriteEngine on\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ index.html [L]",
      "fallback: index.html"
    ),
    (
      "Redirect permanent / https://b.example/",
      #"redirect: { to: "https://b.example{path}{query}", status: 301 }"#
    ),
    (
      "Redirect /old https://b.example/new",
      #"redirect: { to: "https://b.example/new{rest}{query}", status: 302 }"#
    ),
    ("Redirect gone /x", "{ host: a.example, path: /x, respond: { status: 410 } }"),
    (
      "RewriteEngine on\nRewriteRule ^/a/(.*)$ /b/$1 [R=301,L]",
      #"path: /a, redirect: { to: "/b/{rest}{query}", status: 301 }"#
    ),
    (
      "RewriteEngine on\nRewriteRule ^/?(.*) http://127.0.0.1:8/$1 [P]",
      #"a: { protocol: http, nodes: ["127.0.0.1:8"] }"#
    ),
    (
      "ProxyPass / http://b/\nHeader edit Set-Cookie ^(.*)$ $1;HttpOnly;Secure;SameSite=None",
      "set_cookie: [HttpOnly, Secure, SameSite=None]"
    ),
    (
      "ProxyPass / http://b/\nHeader always set X-A \"b: c\"\nHeader unset Server",
      #"response_headers: { remove: [Server], set: { X-A: "b: c" } }"#
    ),
    (
      "ProxyPass / http://b/\nRequestHeader set X-A b\nRequestHeader set X-Forwarded-Proto https",
      "request_headers: { set: { X-A: b } }"
    ),
    ("ProxyPass / http://b/\nLimitRequestBody 1048576", "body_max: 1MiB"),
    ("ProxyPass / http://b/", "defaults: { body_max: 1GiB }"),
    (
      "DocumentRoot /srv\nAddOutputFilterByType DEFLATE text/css",
      "compress: { default: on, types: [text/css] }"
    ),
    (
      "DocumentRoot /srv\nSSLVerifyClient optional\nSSLCACertificateFile /ca.pem",
      "client_certificates: { ca: /ca.pem, mode: optional }"
    ),
    (
      "DocumentRoot /srv\n<Directory /srv/s>\nExpiresActive on\nExpiresDefault \"access plus 1 day\"\n</Directory>",
      "files: { directory: /srv/s, cache_control: max-age=86400 }"
    ),
  ])
  func `a directive becomes a key`(lines: String, written: String) {
    #expect(Importing.apache(lines).contains(written), "\(Importing.apache(lines))")
  }

  @Test func `what comes first there decides, and what it hides has no route`() {
    let text = Importing.apache(
      "ProxyPass /s !\nProxyPass / http://127.0.0.1:1/\nProxyPass /late http://127.0.0.1:2/late\nAlias /s /srv/s\nAlias /hidden /srv/h"
    )
    #expect(text.contains("{ host: a.example, path: /s, files: /srv/s }"))
    #expect(!text.contains("hidden") && !text.contains("late"))
  }

  @Test func `sections are merged in Apache's order, and a path that adds nothing has no route`() {
    let text = Importing.apache(
      """
      DocumentRoot /srv
      <Location /a>
      Require ip 10.0.0.0/8
      </Location>
      <Directory /srv/a>
      Require all granted
      </Directory>
      <Location /b>
      SSLOptions +StdEnvVars
      </Location>
      """)
    #expect(
      text == """
        routes:
          - { host: a.example, files: /srv }
          - host: a.example
            path: /a
            files: /srv/a
            allow: ["10.0.0.0/8"]

        """)
  }

  @Test func `a balancer is an upstream with its members`() {
    let text = Importing.apache(
      "ProxyPass / balancer://shop/",
      outside:
        "<Proxy balancer://shop>\nBalancerMember http://10.0.0.1:80 loadfactor=2\nBalancerMember http://10.0.0.2:80 status=+H\nProxySet stickysession=ROUTE\n</Proxy>"
    )
    #expect(
      text.contains(
        #"nodes: [{ address: "10.0.0.1:80", weight: 2 }, { address: "10.0.0.2:80", backup: true }]"#
      ))
    #expect(text.contains("sticky: ROUTE"))
  }

  @Test func `www leads to the bare name, and names to their site`() {
    let text = Importing.apache(
      "ServerAlias www.a.example\nRewriteEngine on\nRewriteCond %{HTTP_HOST} ^www\\.(.+)$ [NC]\nRewriteRule ^(.*)$ https://%1$1 [R=301,L]\nDocumentRoot /srv"
    )
    #expect(text.contains("host: [a.example, www.a.example], canonical_host: a.example"))
  }

  @Test func `a virtual host without a name is for every host`() {
    #expect(
      Importing.configuration(.apache, "<VirtualHost *:80>\nDocumentRoot /srv\n</VirtualHost>")
        == "routes:\n  - { host: \"*\", files: /srv }\n")
  }
}

@Suite("What Apache kept from somebody")
struct ApacheRestrictionTests {
  private static func location(_ lines: String) -> String {
    Importing.apache("ProxyPass / http://b/\n<Location />\n\(lines)\n</Location>")
  }

  @Test(arguments: [
    ("Require ip 10 192.0.2.0/255.255.255.0", #"allow: ["10.0.0.0/8", "192.0.2.0/24"]"#),
    ("Require local", #"allow: ["127.0.0.0/8", "::1/128"]"#),
    ("Require all denied", #"deny: ["0.0.0.0/0", "::/0"]"#),
    (
      "<RequireAll>\nRequire all granted\nRequire not ip 192.0.2.1\n</RequireAll>",
      #"deny: ["192.0.2.1/32"]"#
    ),
    (
      "<RequireAll>\nRequire ip 10.0.0.0/8\nRequire valid-user\n</RequireAll>\nAuthType Basic\nAuthName x\nAuthUserFile /u",
      #"basic_auth: { file: /u, realm: x }"#
    ),
    (
      "AuthType Basic\nAuthName \"My \\\"area\\\"\"\nAuthUserFile /u\nRequire valid-user",
      #"realm: "My area""#
    ),
    ("Order deny,allow\nDeny from all\nAllow from 10.0.0.0/8", #"allow: ["10.0.0.0/8"]"#),
    ("Order allow,deny\nAllow from all\nDeny from 10.0.0.0/8", #"deny: ["10.0.0.0/8"]"#),
  ])
  func `is kept`(lines: String, written: String) { #expect(Self.location(lines).contains(written)) }

  @Test(arguments: [
    "Require user alice", "Require ip 10.0.0.300", "Require host example.org", "Require valid-user",
    "AuthType Digest\nAuthUserFile /u\nRequire valid-user", "Order allow,deny",
    "SSLVerifyClient require",
    "Order deny,allow\nDeny from 10.0.0.0/8\nAllow from 10.1.0.0/16", "Require expr x",
    "<RequireAll>\nRequire ip 10.0.0.0/8\nRequire ip 10.1.0.0/16\n</RequireAll>",
  ])
  func `or the route is closed`(lines: String) {
    #expect(
      Self.location(lines).contains("deny: [\"0.0.0.0/0\", \"::/0\"]"), "\(Self.location(lines))")
  }

  @Test func `what no route is for is told beside the result`() {
    let result = Importing.result(
      .apache,
      "<VirtualHost *:443>\nServerName a.example\nDocumentRoot /srv\n<FilesMatch \\.bak$>\nRequire all denied\n</FilesMatch>\n</VirtualHost>"
    )
    #expect(result.dangers.map(\.place.line) == [4])
  }

  @Test(arguments: [
    "<LimitExcept GET>\nRequire all denied\n</LimitExcept>", "SSLRequire %{SSL_CLIENT_S_DN_O} eq 1",
    "<If \"%{HTTP_HOST} == 1\">\nRequire all denied\n</If>",
  ])
  func `a section that keeps somebody out is told beside the result`(lines: String) {
    let result = Importing.result(
      .apache,
      "<VirtualHost *:443>\nServerName a.example\nProxyPass / http://b/\n<Location /x>\n\(lines)\n</Location>\n</VirtualHost>"
    )
    #expect(result.dangers.map(\.place.line) == [5])
  }

  @Test func `files among which programs ran are not sent as text`() {
    for lines in [
      "<FilesMatch \\.php$>\nSetHandler proxy:unix:/run/php.sock|fcgi://x\n</FilesMatch>",
      "DirectoryIndex index.php", "AddHandler cgi-script .cgi",
      "ProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:9000/srv/$1",
    ] {
      #expect(Importing.apache("DocumentRoot /srv\n\(lines)").contains("respond: { status: 503 }"))
    }
  }
}
