/// One route of a site as YAML.
struct RouteText {
  let site: Site
  let route: Route

  var entries: [YAMLEntry] {
    let hosts = site.hosts
    var entries = [
      YAMLEntry("host", hosts.count == 1 ? .text(hosts.first ?? "*") : .texts(hosts))
    ]
    if let host = site.canonicalHost { entries.append(YAMLEntry("canonical_host", .text(host))) }
    if route.path != "/" { entries.append(YAMLEntry("path", .text(route.path))) }
    if !route.keys.methods.isEmpty {
      entries.append(YAMLEntry("methods", .texts(route.keys.methods)))
    }
    entries.append(destination)
    if let prefix = route.strip { entries.append(YAMLEntry("strip_prefix", .text(prefix))) }
    if let prefix = route.add { entries.append(YAMLEntry("add_prefix", .text(prefix))) }
    return entries + access + fields + limits
  }

  private var destination: YAMLEntry {
    switch route.destination {
    case .upstream(let name): return YAMLEntry("upstream", .text(name))
    case .files(let files): return YAMLEntry("files", value(files))
    case .redirect(let target, let status):
      return YAMLEntry(
        "redirect",
        .mapping([YAMLEntry("to", .text(target)), YAMLEntry("status", .word("\(status)"))]))
    case .respond(let status, let body, let type):
      var entries = [YAMLEntry("status", .word("\(status)"))]
      if !body.isEmpty { entries.append(YAMLEntry("body", .text(body))) }
      if !body.isEmpty, let type { entries.append(YAMLEntry("content_type", .text(type))) }
      return YAMLEntry("respond", .mapping(entries))
    }
  }

  private func value(_ files: Destination.Files) -> YAMLValue {
    var entries = [YAMLEntry("directory", .text(files.directory))]
    if let index = files.index { entries.append(YAMLEntry("index", .texts(index))) }
    if files.isListing { entries.append(YAMLEntry("listing", .word("true"))) }
    if let value = files.cacheControl { entries.append(YAMLEntry("cache_control", .text(value))) }
    if let name = files.fallback { entries.append(YAMLEntry("fallback", .text(name))) }
    return entries.count == 1 ? .text(files.directory) : .mapping(entries)
  }

  private var access: [YAMLEntry] {
    let keys = route.keys
    var entries: [YAMLEntry] = []
    if !keys.allow.isEmpty { entries.append(YAMLEntry("allow", .texts(keys.allow))) }
    if !keys.deny.isEmpty { entries.append(YAMLEntry("deny", .texts(keys.deny))) }
    if let password = keys.password {
      let value = [
        YAMLEntry("file", .text(password.file)), YAMLEntry("realm", .text(password.realm)),
      ]
      entries.append(YAMLEntry("basic_auth", .mapping(value)))
    }
    if let forward = keys.forward {
      var value = [
        YAMLEntry("upstream", .text(forward.upstream)), YAMLEntry("path", .text(forward.path)),
      ]
      if !forward.copied.isEmpty {
        value.append(YAMLEntry("copy_headers", .texts(forward.copied)))
      }
      entries.append(YAMLEntry("forward_auth", .mapping(value)))
    }
    if let clients = keys.clients {
      let value = [
        YAMLEntry("ca", .text(clients.authorities)),
        YAMLEntry("mode", .word(clients.isRequired ? "require" : "optional")),
      ]
      entries.append(YAMLEntry("client_certificates", .mapping(value)))
    }
    return entries
  }

  private var fields: [YAMLEntry] {
    let keys = route.keys
    var entries: [YAMLEntry] = []
    if let value = rules(remove: keys.requestRemove, set: keys.requestSet, add: []) {
      entries.append(YAMLEntry("request_headers", value))
    }
    let response = rules(remove: keys.responseRemove, set: keys.responseSet, add: keys.responseAdd)
    if let response { entries.append(YAMLEntry("response_headers", response)) }
    if !keys.setCookie.isEmpty { entries.append(YAMLEntry("set_cookie", .texts(keys.setCookie))) }
    if let policy = keys.strictTransport {
      let age = Quantity.duration(milliseconds: min(policy.seconds, 43_800 * 3600) * 1000)
      var value = [YAMLEntry("max_age", .word(age))]
      if policy.hasSubdomains { value.append(YAMLEntry("include_subdomains", .word("true"))) }
      if policy.isPreloaded { value.append(YAMLEntry("preload", .word("true"))) }
      entries.append(YAMLEntry("hsts", .mapping(value)))
    }
    return entries
  }

  private func rules(
    remove: [String], set: [RouteKeys.Field], add: [RouteKeys.Field]
  ) -> YAMLValue? {
    var entries: [YAMLEntry] = []
    if !remove.isEmpty { entries.append(YAMLEntry("remove", .texts(remove))) }
    for (key, fields) in [("set", set), ("add", add)] where !fields.isEmpty {
      entries.append(
        YAMLEntry(key, .mapping(fields.map { YAMLEntry($0.name, .text($0.value)) })))
    }
    return entries.isEmpty ? nil : .mapping(entries)
  }

  private var limits: [YAMLEntry] {
    let keys = route.keys
    var entries: [YAMLEntry] = []
    if let bytes = keys.bodyBytesMax {
      entries.append(
        YAMLEntry("body_max", .word(Quantity.size(bytes: min(max(bytes, 0), 1 << 40)))))
    }
    if let isCompressed = keys.isCompressed {
      entries.append(YAMLEntry("compress", .word(isCompressed ? "on" : "off")))
    }
    if let rate = keys.rate {
      let value = [
        YAMLEntry("rate", .word("\(min(rate.perSecond, 10_000))")),
        YAMLEntry("burst", .word("\(min(max(rate.burst, 1), 100_000))")),
      ]
      entries.append(YAMLEntry("requests_per_address", .mapping(value)))
    }
    return entries
  }
}
