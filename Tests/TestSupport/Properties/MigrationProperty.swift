import Configuration
import EventLoop
import Migration

extension ParserProperties {
  /// Any files of nginx or Apache are imported in bounded time, and what comes out is a configuration that
  /// the loader takes, or there is a reason on one line.
  package static func migration(_ bytes: [UInt8]) -> String? {
    var input = FuzzInput(bytes)
    let language: Migration.Language = input.flag() ? .apache : .nginx
    let isBare = input.isOnce(in: 8)
    let main = isBare ? Array(bytes.dropFirst(2)) : MigrationWords.text(language, &input)
    let other = isBare ? [] : MigrationWords.text(language, &input)
    let source = MigrationSource(
      read: { (path, _) throws(MigrationSource.Unreadable) in
        switch path {
        case "/etc/other/main.conf": return main
        case "/etc/other/conf.d/a.conf", "/etc/other/b.conf": return other
        case let path where path.hasSuffix(".html") || path.hasSuffix(".pem"): return []
        default: throw MigrationSource.Unreadable(reason: "No such file or directory")
        }
      },
      names: { path in
        switch path {
        case "/etc/other/conf.d": ["a.conf", ".hidden.conf"]
        case "/srv/php": ["index.php"]
        default: []
        }
      })
    let result = Migration.run(language, ["/etc/other/main.conf"], root: nil, source: source)
    for complaint in result.complaints + result.dangers
    where complaint.description.unicodeScalars.contains(where: \.properties.isControl) {
      return "not one line: \(complaint)"
    }
    guard let text = result.text else { return result.complaints.isEmpty ? "no reason" : nil }
    return loading(text)
  }

  /// What the loader says against a configuration.
  private static func loading(_ text: String) -> String? {
    let findings = Findings(path: "made.yaml")
    let source = ConfigurationSource(environment: [:]) { (_, _) throws(SystemError) in [] }
    let configuration = ConfigurationLoader.read(
      Array(text.utf8), source: source, findings: findings)
    // What the files are that a configuration names is not the import's: here all are empty.
    let mistakes = findings.diagnostics.filter {
      $0.severity == .error && !$0.message.contains("is no file of authorities")
    }
    if configuration != nil || mistakes.isEmpty { return nil }
    return mistakes.map(\.description).joined(separator: "\n") + "\n" + text
  }
}

extension Unicode.Scalar.Properties {
  fileprivate var isControl: Bool { generalCategory == .control }
}

/// Files made of directives that are nearly right, in blocks that mostly end where they should.
enum MigrationWords {
  static func text(_ language: Migration.Language, _ input: inout FuzzInput) -> [UInt8] {
    let isNginx = language == .nginx
    let words = isNginx ? nginx : apache
    var text = octets(isNginx ? "server {\nlisten 443 ssl;\n" : "<VirtualHost *:443>\n")
    var open = [octets(isNginx ? "}" : "</VirtualHost>")]
    let isBroken = input.isOnce(in: 16)
    while !input.isEmpty, text.count < 1 << 16 {
      let line = line(words, &input)
      let isEnd = line.first == UInt8(ascii: "}") || line.starts(with: octets("</"))
      if isEnd, !isBroken {
        if open.count > 1 || input.flag(), let end = open.popLast() { text += end + [0x0A] }
        continue
      }
      if let end = Self.end(of: line, isNginx) { open.append(end) }
      text += line + [0x0A]
    }
    for end in open.reversed() { text += end + [0x0A] }
    return text
  }

  private static func line(_ words: [[UInt8]], _ input: inout FuzzInput) -> [UInt8] {
    var line = input.word(words)
    while let mark = line.firstIndex(of: UInt8(ascii: "@")) {
      line.replaceSubrange(mark...mark, with: input.word(values))
    }
    return line
  }

  /// What ends the block that a line begins.
  private static func end(of line: [UInt8], _ isNginx: Bool) -> [UInt8]? {
    if isNginx { return line.last == UInt8(ascii: "{") ? octets("}") : nil }
    guard line.first == UInt8(ascii: "<") else { return nil }
    return octets("</") + line.dropFirst().prefix { $0 != 0x20 && $0 != 0x3E } + octets(">")
  }

  private static func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static let nginx: [[UInt8]] = [
    "http {", "server {", "}", "}", "location @ {", "location = @ {", "location ~ @ {",
    "location ^~ @ {", "upstream @ {", "server @;", "server @ weight=@ backup;", "keepalive @;",
    "hash @;", "listen @;", "listen @ ssl default_server;", "server_name @ @;", "root @;",
    "alias @;", "index @ @;", "autoindex on;", "try_files $uri @;", "try_files $uri $uri/ @;",
    "return @;", "return 301 @;", "return 200 @;", "rewrite @ @ permanent;", "rewrite @ @ break;",
    "proxy_pass http://@;", "proxy_pass https://@@;", "proxy_pass @;", "uwsgi_pass @;",
    "fastcgi_pass @;", "proxy_set_header @ @;", "add_header @ @ always;", "expires @;",
    "allow @;", "deny @;", "deny all;", "auth_basic @;", "auth_basic_user_file @;",
    "auth_request @;", "auth_request_set $a $upstream_http_x_user;", "internal;",
    "ssl_certificate @;", "ssl_certificate_key @;", "ssl_client_certificate @;",
    "ssl_verify_client on;", "gzip on;", "gzip_types @ @;", "gzip_comp_level @;",
    "client_max_body_size @;", "limit_req_zone $remote_addr zone=a:1m rate=@r/s;",
    "limit_req zone=a burst=@;", "error_page 404 503 @;", "set_real_ip_from @;",
    "proxy_read_timeout @;", "proxy_connect_timeout @;", "proxy_ssl_verify on;",
    "proxy_ssl_trusted_certificate @;", "proxy_ssl_name @;", "proxy_hide_header @;",
    "proxy_cookie_path @ @;", "include b.conf;", "include conf.d/*.conf;",
    "if ($host = @) { return 301 @; }",
    "limit_except @ { deny all; }", "uwsgi_modifier1 @;", "send_timeout @;", "@ @ @;",
    "satisfy any;", "map $a $b { @ @; }",
  ].map(octets)

  private static let apache: [[UInt8]] = [
    "<VirtualHost *:443>", "<VirtualHost @>", "</VirtualHost>", "</VirtualHost>",
    "<Location @>", "</Location>", "<Directory @>", "</Directory>", "<LocationMatch @>",
    "</LocationMatch>", "<Files @>", "</Files>", "<Proxy balancer://@>", "</Proxy>",
    "<IfModule @>", "</IfModule>", "<RequireAll>", "</RequireAll>", "<RequireAny>",
    "</RequireAny>", "Listen @", "ServerName @", "ServerAlias @ @", "DocumentRoot @",
    "Alias @ @", "ScriptAlias @ @", "ProxyPass @ @", "ProxyPass @ http://@ timeout=@",
    "ProxyPass @ balancer://@/", "ProxyPass @ unix:@|uwsgi://a/", "ProxyPass @ !",
    "ProxyPassMatch @ http://@$1", "BalancerMember http://@ loadfactor=@ status=+H",
    "ProxySet stickysession=@", "Redirect @ @", "Redirect permanent @ @", "RedirectMatch @ @",
    "RewriteEngine on", "RewriteCond %{HTTP_HOST} @", "RewriteCond %{REQUEST_FILENAME} !-f",
    "RewriteRule @ @ [R=301,L]", "RewriteRule @ http://@/$1 [P]", "RewriteRule @ - [F]",
    "Require @", "Require ip @ @", "Require not ip @", "Require valid-user", "Order deny,allow",
    "Deny from @", "Allow from @", "AuthType Basic", "AuthName @", "AuthUserFile @",
    "Header always set @ @", "Header edit Set-Cookie ^(.*)$ $1;@", "Header append @ @",
    "RequestHeader set @ @", "ErrorDocument 503 @", "SSLEngine on", "SSLCertificateFile @",
    "SSLCertificateKeyFile @", "SSLVerifyClient require", "SSLCACertificateFile @",
    "LimitRequestBody @", "Timeout @", "AddOutputFilterByType DEFLATE @ @", "DirectoryIndex @ @",
    "Options +Indexes", "FallbackResource @", "ExpiresActive on", "ExpiresDefault @",
    "RemoteIPTrustedProxy @", "Define a @", "IncludeOptional @", "Include b.conf", "ServerRoot @",
    "@ @ @",
    "SSLProxyVerify require", "SSLProxyCACertificateFile @", "ProxyPreserveHost on",
  ].map(octets)

  private static let values: [[UInt8]] = [
    "example.org", "www.example.org", "*.example.org", ".example.org", "_", "*", "~^x$", "/",
    "/app", "/app/", "/a/b/", "/static/", "//", "/..", "/a b", "\"/a b\"", "\"it's\"", "/srv/www",
    "/srv/php", "srv", "80", "443", "0.0.0.0:443", "[::]:443", "127.0.0.1:8000", "localhost:80",
    "unix:/run/app.sock", "/run/app.sock", "back", "http://back/",
    "https://example.org$request_uri",
    "https://example.org/$1", "https://%{HTTP_HOST}%{REQUEST_URI}", "^/old/(.*)$", "^(.*)$", "^",
    "^/(a|b)/", "\\.php$", "/index.html", "index.html", "=404", "10.0.0.0/8", "10.1.2.3/8",
    "192.0.2.1", "2001:db8::/32", "all", "0", "1", "10m", "1d", "999999999999999999999", "-1",
    "max", "off", "$host", "${a}", "\"${NAME}\"", "\"$${\"", "%{x}", "Strict-Transport-Security",
    "\"max-age=31536000; includeSubDomains; preload\"", "Cache-Control", "Set-Cookie", "X-A",
    "Host",
    "\"\"", "yes", "null", "~", "\"{\"", "'}'", "\"#\"", "\": \"", "\"- a\"",
    "\u{85}\u{2028}\u{FEFF}", "é",
    "\"a\\\"b\"", "text/css", "*/*", "conf.d/*.conf", "main.conf", "b.conf", "GET", "POST|x",
    "A3600", "\"access plus 1 month\"", "\"GE\tT\"", "/a.pem", "/x.html", ";HttpOnly;Secure", "200",
    "permanent", "example.org:443", "x_y", "/a;", "https://", "http://x y", "\"{host}\"",
    "\"a{b}c\"",
  ].map(octets)
}
