internal import EventLoop
internal import Glibc

/// Whether the process, as who it is now, can do something with a path, and what is in the way.
///
/// The kernel is asked at each step, so that groups, capabilities and access lists count.
struct PathAccess {
  let view: ServiceView

  enum Need: Equatable {
    case read
    /// To read a file that nobody but its owner may read.
    case readAlone
    /// To list and enter a directory.
    case list
    /// To make files in a directory.
    case fill
    /// To write a file, or to make it where it is not there.
    case append
    /// To connect to a socket.
    case connect
    /// To start a program.
    case run
  }

  /// What is in the way.
  enum Obstacle: Equatable {
    /// By the permissions of one component of the path.
    case refused(at: Component)
    /// By a line of the unit.
    case hidden(by: String)
    case readOnly(by: String)
  }

  /// One component of a path, as `ls -ld` shows it.
  struct Component: Equatable {
    var path: String
    /// `root:root, mode 0700`.
    var facts: String
    var isTarget: Bool
  }

  private static let linksMax = 40

  /// `nil` where nothing is in the way, and where there is nothing at the path: that is another matter.
  func obstacle(_ path: String, _ need: Need) -> Obstacle? {
    var rest = Self.parts(path)
    var place = path.hasPrefix("/") ? "" : Self.workingDirectory
    var links = 0
    while !rest.isEmpty {
      let name = rest.removeFirst()
      if name == "." { continue }
      if name == ".." {
        place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
        continue
      }
      let next = "\(place)/\(name)"
      if let line = view.hiding(next) { return .hidden(by: line) }
      let folder = place.isEmpty ? "/" : place
      // What goes on behind a file is nowhere, which whoever looks is told.
      guard Self.isDirectory(folder) || !can(folder, F_OK) else { return nil }
      guard can(folder, X_OK) else { return refusal(folder, isTarget: false) }
      if let target = Self.link(next) {
        links += 1
        if links > Self.linksMax { return nil }
        rest = Self.parts(target) + rest
        if target.hasPrefix("/") { place = "" }
        continue
      }
      place = next
    }
    return final(place.isEmpty ? "/" : place, need)
  }

  private func final(_ path: String, _ need: Need) -> Obstacle? {
    let isThere = can(path, F_OK)
    if need == .append || need == .fill, let line = view.protecting(path) {
      return .readOnly(by: line)
    }
    if isThere, need == .list || need == .fill, !Self.isDirectory(path) { return nil }
    if isThere { return can(path, Self.mode(need)) ? nil : refusal(path, isTarget: true) }
    guard need == .append else { return nil }
    let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    guard !parent.isEmpty, can(parent, F_OK), !can(parent, W_OK | X_OK) else { return nil }
    return refusal(parent, isTarget: true)
  }

  private static func mode(_ need: Need) -> Int32 {
    switch need {
    case .read, .readAlone: R_OK
    case .list: R_OK | X_OK
    case .fill: W_OK | X_OK
    case .append, .connect: W_OK
    case .run: X_OK
    }
  }

  /// Only a refusal counts: what is not there, or is something else, is told by who looks at it.
  private func can(_ path: String, _ mode: Int32) -> Bool {
    // SAFETY: the path is a C string for the length of the call.
    if unsafe access(path, mode) == 0 { return true }
    return mode == F_OK ? false : errno != EACCES && errno != EPERM
  }

  private static func isDirectory(_ path: String) -> Bool {
    var facts = stat()
    // SAFETY: the path is a C string for the length of the call, which fills a value of this frame.
    return unsafe stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
  }

  private func refusal(_ path: String, isTarget: Bool) -> Obstacle {
    let path = path.isEmpty ? "/" : path
    return .refused(
      at: Component(path: path, facts: FileFacts.text(of: path) ?? "unknown", isTarget: isTarget))
  }

  private static func parts(_ path: String) -> [String] {
    path.split(separator: "/").map(String.init)
  }

  /// Where a symbolic link leads to; `nil` for anything else.
  private static func link(_ path: String) -> String? {
    var space = [CChar](repeating: 0, count: Int(PATH_MAX))
    // SAFETY: the kernel writes at most what it is given.
    let count = unsafe readlink(path, &space, space.count)
    let bytes = space.prefix(max(0, count)).map(UInt8.init(bitPattern:))
    return count > 0 ? String(decoding: bytes, as: UTF8.self) : nil
  }

  private static var workingDirectory: String {
    guard let raw = unsafe getcwd(nil, 0) else { return "" }
    // SAFETY: the text ends with a NUL, and is freed after it was copied.
    defer { unsafe free(raw) }
    let text = unsafe String(cString: raw)
    return text == "/" ? "" : text
  }
}

/// Owner and mode of a file, in words.
enum FileFacts {
  /// `root:edgeproxy, mode 0640`.
  static func text(of path: String) -> String? {
    var facts = stat()
    // SAFETY: the path is a C string for the length of the call, which fills a value of this frame.
    guard unsafe stat(path, &facts) == 0 else { return nil }
    let digits = String(facts.st_mode & 0o7777, radix: 8)
    let mode = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return "\(userName(facts.st_uid)):\(groupName(facts.st_gid)), mode \(mode)"
  }

  private static func userName(_ number: uid_t) -> String {
    // SAFETY: the C library keeps the entry until the next call; its name is copied at once.
    guard let entry = unsafe getpwuid(number) else { return "\(number)" }
    return unsafe String(cString: entry.pointee.pw_name)
  }

  private static func groupName(_ number: gid_t) -> String {
    // SAFETY: as above.
    guard let entry = unsafe getgrgid(number) else { return "\(number)" }
    return unsafe String(cString: entry.pointee.gr_name)
  }
}
