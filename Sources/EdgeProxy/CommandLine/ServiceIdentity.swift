internal import CLinux
internal import Configuration
internal import EventLoop
internal import Glibc

/// A user of this machine, whose eyes a process of root can borrow.
struct ServiceIdentity: Equatable {
  var name: String
  var user: UInt32
  var group: UInt32
  /// All groups, the first included.
  var groups: [UInt32]

  /// `nil` where nobody is called so; `group` and `more` are those of a unit.
  static func find(_ name: String, group: String? = nil, more: [String] = []) -> ServiceIdentity? {
    // SAFETY: the C library keeps the entry until the next call; what is used of it is copied.
    guard let entry = unsafe getpwnam(name) else { return nil }
    let user = unsafe entry.pointee.pw_uid
    let first = unsafe group.flatMap { number(ofGroup: $0) } ?? entry.pointee.pw_gid
    var groups = [gid_t](repeating: 0, count: groupsMax)
    var count = Int32(groupsMax)
    // SAFETY: the C library writes at most as many as it is told.
    guard unsafe getgrouplist(name, first, &groups, &count) >= 0 else { return nil }
    let known = groups.prefix(max(0, Int(count)))
    return ServiceIdentity(
      name: name, user: user, group: first,
      groups: known + more.compactMap { self.number(ofGroup: $0) }.filter { !known.contains($0) })
  }

  private static let groupsMax = 1024

  private static func number(ofGroup name: String) -> UInt32? {
    if let number = UInt32(name) { return number }
    // SAFETY: as above.
    guard let entry = unsafe getgrnam(name) else { return nil }
    return unsafe entry.pointee.gr_gid
  }

  /// Who runs this process.
  static var current: String {
    // SAFETY: as above.
    guard let entry = unsafe getpwuid(getuid()) else { return "\(getuid())" }
    return unsafe String(cString: entry.pointee.pw_name)
  }

  static var isRoot: Bool { geteuid() == 0 }

  /// Makes the process see what the user may see; root is kept in reserve for `resume`.
  func assume() throws(SystemError) {
    // SAFETY: the kernel reads as many groups as it is told.
    guard unsafe setgroups(groups.count, groups) == 0 else { throw SystemError("setgroups") }
    guard setresgid(group, group, 0) == 0 else { throw SystemError("setresgid") }
    guard setresuid(user, user, 0) == 0 else { throw SystemError("setresuid") }
  }

  /// Makes the process root again.
  static func resume() throws(SystemError) {
    guard setresuid(0, 0, 0) == 0 else { throw SystemError("setresuid") }
    guard setresgid(0, 0, 0) == 0 else { throw SystemError("setresgid") }
  }
}
