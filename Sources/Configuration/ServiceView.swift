/// With whose eyes the things that a configuration names are looked at.
package struct ServiceView: Sendable {
  /// What hides files from the service; `nil` where nothing does.
  var unit: ServiceUnit?
  /// Whether the unit is on this machine; otherwise it is the one that the package brings, and what it
  /// hides is a warning.
  var isInstalled: Bool
  /// Who looks, and the group that files are best given to.
  package var userName: String
  var groupName: String
  /// The service runs as somebody else, so that what is closed to us may well be open to it.
  package var isStranger: Bool

  /// What this process itself sees.
  package static let own = ServiceView(
    unit: nil, isInstalled: false, userName: "", groupName: "edgeproxy", isStranger: false)

  package init(
    unit: ServiceUnit?, isInstalled: Bool, userName: String, groupName: String, isStranger: Bool
  ) {
    self.unit = unit
    self.isInstalled = isInstalled
    self.userName = userName
    self.groupName = groupName
    self.isStranger = isStranger
  }

  /// The line of the unit that hides a path, as it is written there.
  func hiding(_ path: String) -> String? {
    guard let unit, !isWithin(path, unit.bound) else { return nil }
    if Self.isOn(unit.privateTemporary), isWithin(path, ["/tmp", "/var/tmp"]) {
      return "PrivateTmp=\(unit.privateTemporary)"
    }
    if Self.isOn(unit.protectHome) || unit.protectHome == "tmpfs",
      isWithin(path, ["/home", "/root", "/run/user"])
    {
      return "ProtectHome=\(unit.protectHome)"
    }
    return isWithin(path, unit.inaccessible) ? "InaccessiblePaths=" : nil
  }

  /// The line of the unit that makes a path read-only for the service.
  func protecting(_ path: String) -> String? {
    guard let unit else { return nil }
    // The innermost line counts; the directories of the service itself are always writable.
    if isWithin(path, unit.writable) || isWithin(path, unit.managed)
      || isWithin(path, ["/dev", "/proc", "/sys"]) || isWithin(path, unit.bound)
    {
      return nil
    }
    if Self.isOn(unit.privateTemporary), isWithin(path, ["/tmp", "/var/tmp"]) { return nil }
    if isWithin(path, unit.readOnly) { return "ReadOnlyPaths=" }
    if unit.protectHome == "read-only", isWithin(path, ["/home", "/root", "/run/user"]) {
      return "ProtectHome=read-only"
    }
    let line = "ProtectSystem=\(unit.protectSystem)"
    switch unit.protectSystem {
    case "strict": return line
    case "full": return isWithin(path, ["/usr", "/boot", "/efi", "/etc"]) ? line : nil
    default:
      return Self.isOn(unit.protectSystem) && isWithin(path, ["/usr", "/boot", "/efi"])
        ? line : nil
    }
  }

  /// Whether systemd makes the directory when it starts the service.
  func isManaged(_ path: String) -> Bool { unit.map { isWithin(path, $0.managed) } ?? false }

  private func isWithin(_ path: String, _ places: [String]) -> Bool {
    places.contains { place in
      let folder = place.hasSuffix("/") ? String(place.dropLast()) : place
      return path == folder || path.hasPrefix(folder + "/")
    }
  }

  private static func isOn(_ value: String) -> Bool {
    ["yes", "true", "on", "1", "disconnected"].contains(value)
  }
}
