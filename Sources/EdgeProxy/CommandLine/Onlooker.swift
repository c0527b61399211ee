internal import Configuration

/// With whose eyes `--check-config` looks.
struct Onlooker: Equatable {
  /// `nil`: as who the process is.
  var user: String?
  /// The service is somebody else, and this process cannot become that.
  var isStranger = false
  /// What the operator has to know about it.
  var note: String?

  enum Refusal: Error, Equatable, CustomStringConvertible {
    case needsRoot(String)
    case unknown(String)

    var description: String {
      switch self {
      case .needsRoot(let user): "only root can look as user '\(user)'; run it with sudo"
      case .unknown(let user): "there is no user '\(user)' on this machine"
      }
    }
  }

  private static let serviceUser = "edgeproxy"

  /// Chooses: `asked` is the user of `--as`, `current` who runs the process.
  ///
  /// By default root looks as the user of the installed unit; where there is none, as the user that the
  /// package makes; where there is neither, as itself. Others can only look as themselves.
  static func choose(
    asked: String?, current: String, isRoot: Bool, unit: ServiceUnit?, exists: (String) -> Bool
  ) throws(Refusal) -> Onlooker {
    if let asked {
      if asked == current { return Onlooker() }
      guard isRoot else { throw .needsRoot(asked) }
      guard exists(asked) else { throw .unknown(asked) }
      return Onlooker(user: asked)
    }
    let service = unit.map { $0.user ?? "root" } ?? (exists(serviceUser) ? serviceUser : nil)
    guard let service else {
      return isRoot
        ? Onlooker(
          note:
            "there is no edgeproxy.service and no user 'edgeproxy' here, so this is what root may"
            + " do; '--as USER' looks as another user") : Onlooker()
    }
    if service == current { return Onlooker() }
    guard isRoot else {
      return Onlooker(
        isStranger: true,
        note:
          "looked as user '\(current)'; what the service's user '\(service)' may do is told only"
          + " when this is run as root")
    }
    guard exists(service) else {
      return Onlooker(
        note: "the unit's user '\(service)' is not there, so this is what root may do")
    }
    return Onlooker(user: service)
  }
}
