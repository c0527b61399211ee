internal import EventLoop

/// Reads how connections to nodes are made and kept, and says which keys another protocol needs.
struct NodeLinkReader {
  let context: ReadingContext
  /// The upstream's.
  let section: Section
  let spoken: UpstreamSettings.NodeProtocol

  func keepAlive() -> KeepAliveSettings {
    if spoken == .http || spoken == .https {
      for key in ["buffer_size", "modifier1", "modifier2"] { warnOfUse(key, "uwsgi") }
    }
    let mistakes = context.findings.errorCount
    let settings = section.section("keep_alive")
    let (count, idle) = (settings.number("connections"), settings.duration("idle"))
    if spoken == .uwsgi, section.isGiven("keep_alive"), context.findings.errorCount == mistakes {
      context.findings.error(
        section.position(of: "keep_alive"),
        "'keep_alive' in \(section.name) needs protocol http or https, found uwsgi")
    }
    // A uwsgi connection serves one request.
    return spoken == .uwsgi || count == 0 ? .off : KeepAliveSettings(connections: count, idle: idle)
  }

  /// `nil` where the nodes speak without TLS.
  func tls(_ nodes: [NodeSettings]) -> NodeTLSSettings? {
    let settings = section.section("tls")
    let (file, content) = authorities(settings)
    let name = serverName(settings)
    let verifies = settings.flag("verify")
    guard spoken == .https else {
      // Somebody who wrote this down believes that the connection is encrypted.
      for key in ["ca", "name"] where settings.take(key).value != nil {
        context.findings.error(
          settings.position(of: key),
          "'tls.\(key)' in \(section.name) needs protocol https, found \(spoken.rawValue)")
      }
      return nil
    }
    if verifies, name == nil, nodes.contains(where: { $0.address.fixed?.family == .unix }) {
      context.findings.error(
        section.position,
        "\(section.name) has a unix socket, so 'tls.name' must say what its certificate bears")
    }
    return NodeTLSSettings(
      authorityFile: file, authorityBytes: content, name: name, verifies: verifies)
  }

  private func authorities(_ settings: Section) -> (file: String?, content: [UInt8]) {
    guard let path = settings.path("ca") else { return (nil, []) }
    let position = settings.position(of: "ca")
    let limit = Directives.authorityBytesMax
    do throws(SystemError) {
      let content = try context.source.readFile(path, limit)
      if content.count <= limit {
        context.named.files.authorities.append((path, position))
        return (path, content)
      }
      context.findings.error(
        position, "'\(Found.shortened(path))' is larger than \(ByteSize.text(limit))")
    } catch {
      context.unreadable(path, position, error)
    }
    return (path, [])
  }

  private func serverName(_ settings: Section) -> String? {
    guard let (text, position) = settings.text("name") else { return nil }
    if SocketAddress(ip: text, port: 1) != nil { return text }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: "name", wildcard: false) {
      context.findings.error(position, mistake)
    }
    return pattern.normal
  }

  private func warnOfUse(_ key: String, _ wanted: String) {
    guard let value = section.take(key).value else { return }
    context.findings.warning(
      value.position,
      "'\(key)' in \(section.name) is for \(wanted); this upstream speaks \(spoken.rawValue)")
  }
}
