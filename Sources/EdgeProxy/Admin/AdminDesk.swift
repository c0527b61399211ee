internal import HTTPCore

/// What a reload came to.
struct ReloadOutcome: Sendable, Equatable {
  /// Seconds since 1970.
  var at: Int64
  var isRefused: Bool
  /// It was done, and something of the file is not in force; the report says what.
  ///
  /// A restart is needed, or an address cannot be listened on.
  var isPartial = false
  /// The keys whose new values wait for a restart.
  var restartKeys: [String] = []
  /// The mistakes, or the warnings of a reload that was done; lines as `--check-config` prints them.
  var report: String
}

/// Answers the requests of administrators.
///
/// A browser on this machine may be made to send requests by any page that it shows, so the TCP form
/// changes nothing, and answers only what no other page can have sent: no Origin (a page's request to
/// another site has one), no word of the browser's that another site is behind it (Fetch Metadata), and a
/// Host that is this machine (a name of the attacker's that was bound to 127.0.0.1 is not). Commands are
/// taken on the unix socket, which no browser reaches by itself. Somebody may have forwarded a port to
/// it, so that the same is refused there.
struct AdminDesk {
  var report: () -> StatusReport
  /// `nil` while it is draining.
  var reload: () -> ReloadOutcome?
  /// Takes the server out; what there is to be said.
  var drain: () -> String
  /// `false` where it was not taken out.
  var undrain: () -> Bool
  /// How far a drain has got.
  var drainState: () -> String
  /// What the orders of certificates are at; `nil` where none are ordered.
  var issuance: () -> StatusValue?
  /// Takes a command about them.
  var order: (CertificateCommand) -> AdminAnswer
  /// The servers of the fleet and which of their addresses DNS answers; `nil` where it answers none.
  var names: () -> StatusValue? = { nil }
  /// Takes a command about names; its answer comes once, perhaps later.
  var changeNames: (NamesCommand, @escaping (AdminAnswer) -> Void) -> Void = {
    $1(.text(409, Self.nameless))
  }

  /// Takes a command about nodes and sites, of this user; its answer comes once, perhaps later.
  var operate: (OperationsCommand, String, @escaping (AdminAnswer) -> Void) -> Void = {
    $2(.text(409, "no orders are taken here\n"))
  }

  /// What open pages are told.
  var feed = PageFeed()

  static let nameless = "the configuration has neither 'dns' nor 'records'\n"

  /// `user` is the one at the other end of a unix socket.
  func reply(
    _ head: borrowing RequestHead, isUnix: Bool, user: @autoclosure () -> String = "unknown"
  ) -> AdminReply {
    if let refusal = Self.refusal(head, isUnix: isUnix) { return .now(refusal) }
    let path = String(decoding: head.decodedPath, as: UTF8.self)
    switch path {
    case "/dns" where head.method == .get || head.method == .head:
      guard let document = names() else { return .now(.text(404, Self.nameless)) }
      return .now(AdminAnswer(status: 200, type: .json, body: document.json()))
    case "/dns/forget" where head.method == .post, "/dns/checks" where head.method == .post:
      guard let command = NamesCommand(path: path, query: Self.query(head)) else {
        return .now(.text(422, "\(path) is not understood so\n"))
      }
      return .later { [changeNames] in changeNames(command, $0) }
    case _ where head.method == .post && OperationsCommand.paths.contains(path):
      guard let command = OperationsCommand(path: path, query: Self.query(head)) else {
        return .now(.text(422, "\(path) is not understood so\n"))
      }
      let user = user()
      return .later { [operate] in operate(command, user, $0) }
    case "/events" where head.method == .get: return .events(feed)
    default: return .now(answer(head, path))
    }
  }

  private func answer(_ head: borrowing RequestHead, _ path: String) -> AdminAnswer {
    switch path {
    case "/" where head.method == .get || head.method == .head: return AdminPage.answer
    case "/events" where head.method == .head:
      return AdminAnswer(status: 200, type: .events, body: [])
    case "/", "/events", "/dns": return .text(405, "\(path) is read with GET\n")
    case "/status", "/status.txt", "/metrics", "/health":
      guard head.method == .get || head.method == .head else {
        return .text(405, "\(path) is read with GET\n")
      }
      return look(path)
    case "/acme" where head.method == .get || head.method == .head: return ordered()
    case "/drain" where head.method == .get || head.method == .head:
      return .text(200, drainState() + "\n")
    case "/reload", "/drain", "/undrain", "/acme", "/acme/issue", "/acme/renew", "/acme/revoke",
      "/acme/account", "/dns/forget", "/dns/checks",
      _ where OperationsCommand.paths.contains(path):
      guard head.method == .post else {
        return .text(405, "\(path) is a command: POST, over the unix socket\n")
      }
      switch path {
      case "/reload": return reloaded()
      case "/drain": return .text(202, drain() + "\n")
      case "/undrain": return undrained()
      default:
        guard let command = CertificateCommand(path: path, query: Self.query(head)) else {
          return .text(422, "\(path) is not understood so\n")
        }
        return order(command)
      }
    default:
      return .text(
        404,
        "here are /, /status, /status.txt, /metrics, /health, /events, /acme, /dns, /node, /maintenance,"
          + " /reload, /drain and /undrain\n"
      )
    }
  }

  private func look(_ path: String) -> AdminAnswer {
    let report = report()
    var answer: AdminAnswer
    switch path {
    case "/status": answer = AdminAnswer(status: 200, type: .json, body: report.json())
    case "/metrics": answer = AdminAnswer(status: 200, type: .metrics, body: report.metrics())
    case "/health": answer = .text(report.isServing ? 200 : 503, report.healthText())
    default: answer = AdminAnswer(status: 200, body: report.text())
    }
    answer.health = report.isServing ? "ok" : report.health
    return answer
  }

  private func ordered() -> AdminAnswer {
    guard let document = issuance() else {
      return .text(404, "no certificates are ordered here: the configuration has no 'acme'\n")
    }
    return AdminAnswer(status: 200, type: .json, body: document.json())
  }

  private func reloaded() -> AdminAnswer {
    guard let outcome = reload() else { return .text(409, "draining; nothing is reloaded\n") }
    if outcome.isRefused {
      return .text(422, outcome.report + "reload refused, the old configuration goes on\n")
    }
    guard outcome.isPartial else { return .text(200, outcome.report + "reloaded\n") }
    return .text(202, outcome.report + "reloaded, but not all of it is in force\n")
  }

  private func undrained() -> AdminAnswer {
    undrain() ? .text(200, "serving\n") : .text(409, "it was not taken out\n")
  }

  private static func query(_ head: borrowing RequestHead) -> String {
    guard let range = head.query else { return "" }
    var bytes: [UInt8] = []
    bytes.append(copying: head.span(range))
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Why a request is not even looked at; `nil` for one that is.
  private static func refusal(_ head: borrowing RequestHead, isUnix: Bool) -> AdminAnswer? {
    switch head.framing {
    case .none, .length(0): break
    default: return .text(413, "no request here has a body\n")
    }
    if isOfOtherPage(head) { return .text(403, "requests of web pages are refused\n") }
    if isUnix {
      // curl may call it anything, but no name that somebody else can have in DNS.
      guard isLoopback(head.host) || !head.host.contains(UInt8(ascii: ".")) else {
        return .text(403, "the Host of a request must be localhost\n")
      }
      return nil
    }
    guard head.method == .get || head.method == .head else {
      return .text(405, "commands are taken on the unix socket only\n")
    }
    guard Self.isLoopback(head.host) else {
      return .text(403, "the Host of a request must be this machine's loopback\n")
    }
    return nil
  }

  /// Whether a page of another site has had a browser send it.
  ///
  /// A link on another page may lead here: browsers call that `navigate`, and show what they get to
  /// nobody but their user.
  private static func isOfOtherPage(_ head: borrowing RequestHead) -> Bool {
    var isForeign = false
    var isLink = false
    for field in head.fields {
      let (name, value) = (head.span(field.name), head.span(field.value))
      if ASCII.equals(name, "origin") { return true }
      if ASCII.equals(name, "sec-fetch-site") {
        isForeign = !ASCII.equals(value, "same-origin") && !ASCII.equals(value, "none")
      } else if ASCII.equals(name, "sec-fetch-mode") {
        isLink = ASCII.equals(value, "navigate")
      }
    }
    return isForeign && !isLink
  }

  /// A host that cannot be a name which somebody else has bound to this machine.
  private static func isLoopback(_ host: [UInt8]) -> Bool {
    ["localhost", "127.0.0.1", "[::1]"].contains { Array($0.utf8) == host }
  }
}
