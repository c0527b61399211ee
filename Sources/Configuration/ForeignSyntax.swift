/// Tells files of other programs from ours, so that one line is said about them and not fifty.
enum ForeignSyntax {
  /// What is said about a file that is written for something else; `nil` where it may be ours.
  ///
  /// Its first two lines that are no comments tell.
  static func find(in bytes: [UInt8]) -> (position: Position, message: String)? {
    var number = 0
    var first: (text: Substring, position: Position)?
    for raw in String(decoding: bytes.prefix(16 << 10), as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    {
      number += 1
      let text = raw.trimmed
      if text.isEmpty || text.hasPrefix("#") { continue }
      guard let found = first else {
        let indent = raw.prefix { $0 == " " || $0 == "\t" }.count
        first = (text, Position(line: number, column: indent + 1))
        continue
      }
      return kind(found.text, next: text).map { (found.position, $0) }
    }
    return first.flatMap { found in kind(found.text, next: "").map { (found.position, $0) } }
  }

  private static func kind(_ line: Substring, next: Substring) -> String? {
    if line.hasPrefix("-----BEGIN") {
      return "this is a certificate or key; it belongs in 'certificates.directory'"
    }
    let words = line.split(separator: " ")
    let first = String(words.first ?? "")
    if line.hasPrefix("<") { return Self.said(isMarkup(line) ? "XML or HTML" : "Apache's syntax") }
    if line.hasSuffix(";") || nginxBlocks.contains(first) && line.hasSuffix("{") {
      return isNginx(first, line) ? Self.said("nginx's syntax") : nil
    }
    if line.hasSuffix("{"), isCaddy(line, next: next) {
      return Self.said("a Caddyfile")
    }
    if words.count <= 2, haproxySections.contains(first) { return Self.said("HAProxy's syntax") }
    if words.count > 1, apacheDirectives.contains(first) { return Self.said("Apache's syntax") }
    if line.hasPrefix("["), line.hasSuffix("]"),
      next.isAssignment || next.hasPrefix("[") && next.hasSuffix("]")
    {
      return Self.said("an ini or TOML file")
    }
    return line.isAssignment ? Self.said("a file of 'key = value' lines") : nil
  }

  private static func said(_ what: String) -> String {
    "this is \(what), and the configuration is YAML; docs/from-nginx.md shows whole sites in both"
  }

  private static let nginxBlocks: Set<String> = [
    "server", "http", "events", "stream", "upstream", "location", "map", "geo", "types", "mail",
  ]

  private static func isNginx(_ first: String, _ line: Substring) -> Bool {
    !first.hasSuffix(":") && first.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) }
      && line.contains(" ")
  }

  /// Names of sites, or global options, before a brace.
  private static func isCaddy(_ line: Substring, next: Substring) -> Bool {
    let names = line.dropLast().trimmed
    if names.isEmpty {
      return !next.contains(":") && !next.contains("\"") && !next.hasPrefix("}")
    }
    // As JSON and YAML may begin.
    return !names.contains("\"") && !names.contains(": ") && !names.hasSuffix(":")
      && !names.hasPrefix("{") && !names.hasPrefix("[")
  }

  private static let haproxySections: Set<String> = [
    "global", "defaults", "frontend", "backend", "listen", "peers", "userlist",
  ]

  private static let apacheDirectives: Set<String> = [
    "ServerRoot", "ServerName", "ServerAdmin", "Listen", "LoadModule", "DocumentRoot", "Include",
    "IncludeOptional", "ProxyPass", "ProxyPassReverse", "SSLEngine", "RewriteEngine", "User",
    "Define",
    "ServerTokens", "Timeout", "DefaultRuntimeDir", "PidFile", "Mutex", "Header", "Alias",
  ]

  private static func isMarkup(_ line: Substring) -> Bool {
    let text = line.lowercased()
    return ["<?xml", "<!doctype", "<html", "<!--"].contains { text.hasPrefix($0) }
  }

  /// YAML that another program reads, by the keys at its top.
  static func program(of entries: [YAMLNode.Entry]) -> (position: Position, message: String)? {
    let keys = Set(entries.map(\.key))
    for (marks, name) in programs where marks.isSubset(of: keys) && keys.isDisjoint(with: ours) {
      let entry = entries.first { marks.contains($0.key) }
      return (
        entry?.keyPosition ?? .start,
        "this file is for \(name); docs/from-nginx.md shows whole sites as they are written here"
      )
    }
    return nil
  }

  private static let ours: Set<String> = ["routes", "upstreams"]

  private static let programs: [(marks: Set<String>, name: String)] = [
    (["apiVersion", "kind"], "Kubernetes"), (["entryPoints"], "Traefik"),
    (["certificatesResolvers"], "Traefik"), (["providers"], "Traefik"),
    (["http", "tls"], "Traefik"), (["static_resources"], "Envoy"), (["apps"], "Caddy"),
    (["services", "version"], "Docker Compose"), (["services", "networks"], "Docker Compose"),
    (["services", "volumes"], "Docker Compose"),
  ]
}

extension Substring {
  fileprivate var trimmed: Substring {
    var text = self.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
    return text
  }

  /// As in `key = value`, which no line of YAML begins like.
  fileprivate var isAssignment: Bool {
    guard let equals = firstIndex(of: "=") else { return false }
    let key = self[..<equals].trimmed
    return !key.isEmpty
      && key.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
          || [0x2D, 0x2E, 0x5F].contains($0)
      }
  }
}
