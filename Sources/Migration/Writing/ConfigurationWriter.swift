/// Writes what was imported as a configuration of ours.
struct ConfigurationWriter {
  let imported: Imported
  let upstreams: [UpstreamList.Named]
  let notes: Notes
  /// As in `edgeproxy import-nginx /etc/nginx/nginx.conf`.
  let command: String

  /// Where certificates are put: this server's own layout, `NAME/fullchain.pem` with `NAME/privkey.pem`.
  static let certificates = "/etc/edgeproxy/certificates"

  func text() -> String {
    var writer = YAMLWriter()
    writer.comment("Made by: \(command)")
    writer.comment(
      "A comment such as 'site.conf:12: DIRECTIVE: …' says what became of that line, and what to do about it."
    )
    writeNotes(&writer)
    writeCertificates(&writer)
    writer.line("")
    for remark in imported.remarks { writer.comment(remark.text) }
    writer.write(server)
    if !upstreams.isEmpty {
      writer.write([YAMLEntry("upstreams", .mapping(upstreams.map(entry)))])
    }
    var groups = SharedSettings()
    let routes = imported.sites.flatMap { items($0, &groups) }
    if !groups.entries.isEmpty { writer.write([YAMLEntry("groups", .mapping(groups.entries))]) }
    writer.write([YAMLEntry("routes", .list(routes))])
    return writer.text
  }

  // MARK: The head

  private func writeNotes(_ writer: inout YAMLWriter) {
    if !notes.dangers.isEmpty {
      writer.comment("")
      writer.comment(
        "LOOK AT THESE FIRST. They kept something from somebody, and are not in this file:")
      for remark in notes.dangers { writer.comment("  \(remark.text)") }
    }
    if !notes.general.texts.isEmpty {
      writer.comment("")
      writer.comment("What is different:")
      for text in notes.general.texts {
        writer.comment("  \(text): \(Self.places(notes.general.places(of: text)))")
      }
    }
    if !notes.needless.texts.isEmpty {
      writer.comment("")
      let all = notes.needless.texts.map { "\($0) (\(Self.places(notes.needless.places(of: $0))))" }
      writer.comment("Nothing to do for: \(all.joined(separator: ", "))")
    }
  }

  private static func places(_ places: [Place]) -> String {
    let few = places.prefix(5).map(\.short).joined(separator: ", ")
    return places.count > 5 ? "\(few) and \(places.count - 5) more" : few
  }

  /// How the certificates come to where this server looks for them.
  private func writeCertificates(_ writer: inout YAMLWriter) {
    writer.comment("")
    var said: [CertificatePair] = []
    writer.comment(
      "Certificates are chosen by name from \(Self.certificates). Until these have been run as root,"
        + " --check-config says that there is no usable certificate, or none for a host, and nothing else:"
    )
    for site in imported.sites {
      for pair in site.pairs where !said.contains(pair) {
        said.append(pair)
        let host = site.hosts.first { !$0.contains("*") } ?? site.hosts.first { $0 != "*" }
        let name = host.map { String($0.filter { $0 != "*" }.drop { $0 == "." }) }
        let label = "\(Self.certificates)/\(name ?? "default")"
        writer.line("#   install -d -g edgeproxy -m 0750 \(label)")
        writer.line(
          "#   install -g edgeproxy -m 0640 \(Self.shell(pair.certificate)) \(label)/fullchain.pem")
        writer.line("#   install -g edgeproxy -m 0640 \(Self.shell(pair.key)) \(label)/privkey.pem")
      }
    }
    if said.isEmpty {
      writer.comment(
        "  (the files name none: put NAME/fullchain.pem and NAME/privkey.pem there, or see docs/acme.md)"
      )
    } else {
      writer.comment(
        "  What renews them has to do that again, see docs/one-server.md; or let this server order them, docs/acme.md."
      )
    }
  }

  /// A word of a shell.
  private static func shell(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
        || "-_./+=,@".utf8.contains($0)
    }
    return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
  }

  // MARK: The server

  private var server: [YAMLEntry] {
    var entries: [YAMLEntry] = []
    var listen: [YAMLEntry] = []
    if !imported.secureListeners.isEmpty {
      listen.append(YAMLEntry("https", .texts(imported.secureListeners)))
    }
    if !imported.plainListeners.isEmpty {
      listen.append(YAMLEntry("http", .texts(imported.plainListeners)))
    }
    if !imported.proxyProtocol.isEmpty {
      listen.append(YAMLEntry("proxy_protocol", .texts(imported.proxyProtocol)))
    }
    if !listen.isEmpty { entries.append(YAMLEntry("listen", .mapping(listen))) }
    if !imported.trusted.isEmpty { entries.append(YAMLEntry("trusted", .texts(imported.trusted))) }
    if let minimum = imported.minimumTLS {
      entries.append(YAMLEntry("tls", .mapping([YAMLEntry("minimum", .text(minimum))])))
    }
    if let compress = imported.compress { entries.append(YAMLEntry("compress", value(compress))) }
    if !imported.errorPages.isEmpty {
      let pages = imported.errorPages.sorted { $0.key < $1.key }
      entries.append(
        YAMLEntry(
          "error_pages", .mapping(pages.map { YAMLEntry("\($0.key)", .text($0.value)) })))
    }
    if imported.isCombinedLog {
      entries.append(YAMLEntry("log", .mapping([YAMLEntry("format", .word("combined"))])))
    }
    if !imported.timeouts.isEmpty {
      let times = imported.timeouts.map {
        YAMLEntry($0.key, .word(Quantity.duration(milliseconds: $0.milliseconds)))
      }
      entries.append(YAMLEntry("timeouts", .mapping(times)))
    }
    if let bytes = imported.bodyBytesMax {
      let size = YAMLEntry("body_max", .word(Quantity.size(bytes: bytes)))
      entries.append(YAMLEntry("defaults", .mapping([size])))
    }
    return entries
  }

  private func value(_ compress: Imported.Compress) -> YAMLValue {
    var entries = [YAMLEntry("default", .word("on"))]
    if !compress.types.isEmpty { entries.append(YAMLEntry("types", .texts(compress.types))) }
    if let bytes = compress.bytesMin {
      entries.append(YAMLEntry("minimum", .word(Quantity.size(bytes: bytes))))
    }
    if let level = compress.level { entries.append(YAMLEntry("level", .word("\(level)"))) }
    return .mapping(entries)
  }

  private func entry(_ named: UpstreamList.Named) -> YAMLEntry {
    let settings = named.settings
    var entries: [YAMLEntry] = []
    if settings.spoken != .uwsgi {
      entries.append(YAMLEntry("protocol", .word(settings.spoken.rawValue)))
    }
    entries.append(YAMLEntry("nodes", .list(settings.nodes.map { YAMLItem(value($0)) })))
    if let source = settings.hashOn {
      entries.append(YAMLEntry("balance", .word("hash")))
      entries.append(YAMLEntry("hash_on", .text(source)))
    }
    if let cookie = settings.sticky { entries.append(YAMLEntry("sticky", .text(cookie))) }
    var times: [YAMLEntry] = []
    let duration = { (milliseconds: Int) in
      YAMLValue.word(Quantity.duration(milliseconds: milliseconds))
    }
    if let connect = settings.times.connect {
      times.append(YAMLEntry("connect", duration(min(max(connect, 1), 60_000))))
    }
    if let response = settings.times.response {
      let value = duration(min(max(response, 1), 86_400_000))
      times += [YAMLEntry("response", value), YAMLEntry("idle", value)]
    }
    if let tunnel = settings.times.tunnel {
      times.append(YAMLEntry("tunnel", duration(min(max(tunnel, 1), 86_400_000))))
    }
    if !times.isEmpty { entries.append(YAMLEntry("timeouts", .mapping(times))) }
    if settings.keepAlive > 0 {
      let count = YAMLEntry("connections", .word("\(min(settings.keepAlive, 10_000))"))
      entries.append(YAMLEntry("keep_alive", .mapping([count])))
    }
    var tls: [YAMLEntry] = []
    if let file = settings.authorities { tls.append(YAMLEntry("ca", .text(file))) }
    if let name = settings.serverName { tls.append(YAMLEntry("name", .text(name))) }
    if !settings.verifies { tls.append(YAMLEntry("verify", .word("false"))) }
    if settings.spoken == .https, !tls.isEmpty { entries.append(YAMLEntry("tls", .mapping(tls))) }
    if settings.modifier1 != 0 {
      entries.append(YAMLEntry("modifier1", .word("\(settings.modifier1)")))
    }
    return YAMLEntry(named.name, .mapping(entries), comments: named.remarks.map(\.text))
  }

  private func value(_ node: Upstream.Node) -> YAMLValue {
    var entries = [YAMLEntry("address", .text(node.address))]
    if node.isBackup { entries.append(YAMLEntry("backup", .word("true"))) }
    if node.weight != 1 { entries.append(YAMLEntry("weight", .word("\(node.weight)"))) }
    if node.cores != 0 { entries.append(YAMLEntry("cores", .word("\(node.cores)"))) }
    return entries.count == 1 ? .text(node.address) : .mapping(entries)
  }

  // MARK: Routes

  private func items(_ site: Site, _ groups: inout SharedSettings) -> [YAMLItem] {
    var comments = ["\(site.place.short): \(site.title)"] + site.remarks.map(\.text)
    var items: [YAMLItem] = []
    let written = groups.share(site.routes.map { RouteText(site: site, route: $0).entries }, site)
    for (route, entries) in zip(site.routes, written) {
      comments += route.remarks.map(\.text)
      items.append(YAMLItem(.mapping(entries), comments: comments))
      comments = []
    }
    return items
  }
}
