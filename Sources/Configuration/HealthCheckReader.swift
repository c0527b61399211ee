internal import HTTPCore

/// Reads how the nodes of an upstream are checked.
struct HealthCheckReader {
  let context: ReadingContext
  let spoken: UpstreamSettings.NodeProtocol
  /// What the nodes say first, over protocol tcp.
  let greeting: Greeting

  /// `nil` where the upstream has no `health`.
  func read(_ upstream: Section) -> HealthCheck? {
    guard let section = upstream.optionalSection("health") else { return nil }
    let kind = kind(section)
    var check = HealthCheck(kind: kind)
    check.path = path(section)
    check.host = host(section)
    check.statuses = statuses(section)
    check.interval = section.duration("interval")
    check.timeout = section.duration("timeout")
    check.thresholds = HealthThresholds(
      rise: UInt64(section.number("rise")), fall: UInt64(section.number("fall")))
    check.port = port(section, kind)
    check.user = user(section, kind)
    if kind != .request { refuseRequestKeys(section, kind) }
    return check
  }

  private func kind(_ section: Section) -> HealthCheck.Kind {
    let kind = HealthCheck.Kind(rawValue: section.word("type"))
    if kind == .ping, spoken != .uwsgi {
      context.findings.error(
        section.position(of: "type"),
        "'type' ping in \(section.name) needs protocol uwsgi, found \(spoken.rawValue);"
          + " did you mean 'request'?")
    }
    if kind == .mysql, spoken != .tcp {
      context.findings.error(
        section.position(of: "type"),
        "'type' mysql in \(section.name) needs protocol tcp, found \(spoken.rawValue)")
    }
    if kind == .tcp, greeting == .mysql {
      context.findings.warning(
        section.position(of: "type"),
        "'type' tcp in \(section.name): MySQL counts bare connections as errors and blocks this"
          + " machine after max_connect_errors of them; did you mean 'mysql'?")
    }
    return kind ?? (section.isGiven("path") ? .request : fallback)
  }

  /// A bare connection is an error to MySQL, which blocks the machines that make many.
  private var fallback: HealthCheck.Kind {
    if greeting == .mysql { return .mysql }
    return spoken == .uwsgi ? .ping : .tcp
  }

  /// The operator who wrote them believes that requests are sent.
  private func refuseRequestKeys(_ section: Section, _ kind: HealthCheck.Kind) {
    for key in ["path", "host", "status", "port"] where section.isGiven(key) {
      context.findings.error(
        section.position(of: key),
        "'\(key)' in \(section.name) needs type request, found \(kind.rawValue)")
    }
  }

  /// A status port is for what does not speak HTTP itself.
  private func port(_ section: Section, _ kind: HealthCheck.Kind) -> UInt16? {
    guard section.isGiven("port") else {
      if spoken == .tcp, kind == .request {
        context.findings.error(
          section.position(of: section.isGiven("type") ? "type" : "path"),
          "a request in \(section.name) needs 'port', the status port of the nodes")
      }
      return nil
    }
    let port = UInt16(section.number("port"))
    if spoken != .tcp {
      context.findings.error(
        section.position(of: "port"),
        "'port' in \(section.name) needs protocol tcp: others answer requests themselves")
    }
    return port
  }

  private func user(_ section: Section, _ kind: HealthCheck.Kind) -> String {
    let fallback = HealthCheck(kind: .mysql).user
    guard let (name, position) = section.text("user") else { return fallback }
    if kind != .mysql {
      context.findings.error(
        position, "'user' in \(section.name) needs type mysql, found \(kind.rawValue)")
    }
    guard (1...32).contains(name.utf8.count), name.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      context.findings.error(
        position, "'user' must be 1 to 32 ASCII characters, found '\(Found.shortened(name))'")
      return fallback
    }
    return name
  }

  private func path(_ section: Section) -> String {
    guard let (path, position) = section.text("path") else { return "/" }
    if let reason = Self.mistake(path) {
      context.findings.error(
        position, "'path' must be a path such as /up, found '\(Found.shortened(path))'; \(reason)")
    }
    return path
  }

  /// It goes out as it is written, so it must be written as in a request.
  private static func mistake(_ path: String) -> String? {
    if !path.hasPrefix("/") { return "it must begin with '/'" }
    if path.contains("#") { return "'#' is never sent" }
    if !path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
      return "what is no ASCII letter, digit or mark is written %20 and so on"
    }
    var head = RequestHead()
    return CheckQuestion.parse(path: path, host: "localhost", into: &head)
      ? nil : "no request can have it"
  }

  private func host(_ section: Section) -> String? {
    guard let (text, position) = section.text("host") else { return nil }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: "host", wildcard: false) {
      context.findings.error(position, mistake)
    }
    return pattern.normal
  }

  private func statuses(_ section: Section) -> ClosedRange<Int> {
    let fallback = 200...399
    guard let (text, position) = section.text("status") else { return fallback }
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      .map { Number.parse(String($0)) }
    if let first = ends[0], let last = ends[ends.count - 1], first <= last, first >= 200,
      last <= 599
    {
      return first...last
    }
    context.findings.error(
      position,
      "'status' must be a status from 200 to 599 or a range such as 200-399, found"
        + " '\(Found.shortened(text))'")
    return fallback
  }
}
