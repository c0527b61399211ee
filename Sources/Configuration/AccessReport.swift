internal import EventLoop
internal import Glibc

/// Says what keeps the service from something that its configuration names, and what to do about it.
struct AccessReport {
  let findings: Findings
  let view: ServiceView

  /// `true` where nothing that is in the way was found, so that it makes sense to look further.
  func isOpen(_ path: String, _ need: PathAccess.Need, _ position: Position) -> Bool {
    guard let obstacle = PathAccess(view: view).obstacle(path, need) else { return true }
    switch obstacle {
    case .hidden(let line):
      let place =
        line.hasPrefix("PrivateTmp") ? "the service has a /tmp of its own" : "it is hidden"
      tell(
        position,
        "the service does not see '\(path)': \(place) (\(line) in its unit); \(cure(need, path))")
      return isOpenByHand(path, need, position)
    case .readOnly(let line):
      tell(
        position,
        "the service cannot write '\(path)' (\(line) in its unit):"
          + " systemctl edit edgeproxy, and ReadWritePaths=\(Self.folder(of: path, need))"
      )
      return isOpenByHand(path, need, position)
    case .refused(let component):
      refuse(path, need, component, position)
      return false
    }
  }

  /// Where the unit is not installed the server may well be run by hand, and nothing hides the path then.
  private func isOpenByHand(
    _ path: String, _ need: PathAccess.Need, _ position: Position
  ) -> Bool {
    guard !view.isInstalled else { return false }
    var bare = view
    bare.unit = nil
    return AccessReport(findings: findings, view: bare).isOpen(path, need, position)
  }

  private func tell(_ position: Position, _ message: String) {
    if view.isInstalled {
      findings.error(position, message)
    } else {
      findings.warning(position, message)
    }
  }

  private func refuse(
    _ path: String, _ need: PathAccess.Need, _ component: PathAccess.Component, _ position: Position
  ) {
    let place = component.path == path ? "" : " at '\(component.path)'"
    let why = "Permission denied (EACCES)\(place) (\(component.facts))"
    if view.isStranger {
      findings.note(position, "'\(path)' was not looked at: \(why); run this as root")
      return
    }
    let verb =
      switch need {
      case .read, .readAlone: "read"
      case .list: "opened"
      case .fill, .append: "written"
      case .connect: "connected to"
      case .run: "run"
      }
    let who = view.userName.isEmpty ? "" : " by user '\(view.userName)'"
    findings.error(
      position, "'\(path)' cannot be \(verb)\(who): \(why); \(cure(need, path, component))")
  }

  /// What to do where the unit hides the path.
  private func cure(_ need: PathAccess.Need, _ path: String) -> String {
    need == .connect
      ? "put the socket below /run, such as /run/uwsgi/\(Self.name(of: path))"
      : "put it elsewhere, such as below /etc/edgeproxy or /srv"
  }

  /// What to do about permissions.
  private func cure(
    _ need: PathAccess.Need, _ path: String, _ component: PathAccess.Component
  ) -> String {
    let place = component.path
    let user = view.userName.isEmpty ? "edgeproxy" : view.userName
    if path.hasPrefix("/etc/letsencrypt/") {
      return "certbot's files are root's: a deploy hook copies them with install -m 0640 -g"
        + " \(view.groupName) into /etc/edgeproxy/certificates"
    }
    guard component.isTarget else { return "setfacl -m u:\(user):x \(place)" }
    switch need {
    case .read: return "chgrp \(view.groupName) \(place) && chmod g+r \(place)"
    case .run: return "chgrp \(view.groupName) \(place) && chmod g+rx \(place)"
    case .list: return "chgrp \(view.groupName) \(place) && chmod g+rx \(place)"
    case .readAlone, .fill, .append: return "chown \(user) \(place)"
    case .connect:
      return "uWSGI's chmod-socket = 660 with chown-socket = USER:\(view.groupName), or setfacl -m"
        + " u:\(user):rw \(place)"
    }
  }

  private static func folder(of path: String, _ need: PathAccess.Need) -> String {
    guard need == .append, let slash = path.lastIndex(of: "/") else { return path }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func name(of path: String) -> String {
    Found.shortened(
      String(path[(path.lastIndex(of: "/") ?? path.startIndex)...].drop { $0 == "/" }))
  }
}
