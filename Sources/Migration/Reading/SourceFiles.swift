/// What a configuration is read from: files and directories of a machine, or of a test.
package struct MigrationSource {
  /// Why a file cannot be read, in the system's words.
  package struct Unreadable: Error {
    package var reason: String
    package init(reason: String) { self.reason = reason }
  }

  /// Reads at most so many bytes of a file, and some more where there are more.
  var read: (_ path: String, _ bytesMax: Int) throws(Unreadable) -> [UInt8]
  /// The names in a directory; none where it cannot be read.
  var names: (_ directory: String) -> [String]

  package init(
    read: @escaping (_ path: String, _ bytesMax: Int) throws(Unreadable) -> [UInt8],
    names: @escaping (_ directory: String) -> [String]
  ) {
    self.read = read
    self.names = names
  }

  func isThere(_ path: String) -> Bool { (try? read(path, 1)) != nil }
}

/// Reads the files of one import: bounds what includes can make of them, and collects what is wrong.
final class SourceFiles {
  static let fileBytesMax = 1 << 20
  static let bytesMax = 16 << 20
  static let filesMax = 1000
  static let depthMax = 16
  static let statementsMax = 20_000
  static let nestingMax = 32
  /// Each is looked at with all that it inherits, so that many of them take long.
  static let routesMax = 2000
  /// Of one kind at one place; nobody needs more fields.
  static let fieldsMax = 100

  let source: MigrationSource
  /// Where names of files that do not begin with `/` are.
  var root: String
  private(set) var complaints: [Complaint] = []
  private var open: [String] = []
  private var bytes = 0
  private var files = 0
  private var statements = 0
  private var routes = 0

  init(source: MigrationSource, root: String) {
    self.source = source
    self.root = root
  }

  func complain(_ place: Place, _ message: String) {
    // One kind of mistake can be made on each line of a large file.
    guard complaints.count < 100 else { return }
    complaints.append(Complaint(place: place, message: message))
  }

  /// Counts text that variables became; `false` where there is more of it than of all files.
  func count(_ text: String, _ place: Place) -> Bool {
    bytes += text.utf8.count
    if bytes <= Self.bytesMax { return true }
    complain(place, "variables stand for more than 16 MiB of text; this line is left out")
    return false
  }

  /// Counts one path that gets a route; `false` where there are too many of them.
  func countRoute(_ place: Place) -> Bool {
    routes += 1
    if routes == Self.routesMax + 1 {
      complain(place, "more than \(Self.routesMax) routes; import fewer sites at once")
    }
    return routes <= Self.routesMax
  }

  /// Counts one directive; `false` where there are too many of them.
  func count(_ place: Place) -> Bool {
    statements += 1
    if statements == Self.statementsMax + 1 {
      complain(place, "more than \(Self.statementsMax) directives; what follows is left out")
    }
    return statements <= Self.statementsMax
  }

  /// Reads a file and has `parse` read its bytes, unless it is being read already or the bounds are reached.
  func read(_ path: String, from place: Place, _ parse: ([UInt8]) -> [Statement]) -> [Statement] {
    guard !open.contains(path) else {
      complain(place, "'\(path)' includes itself")
      return []
    }
    guard open.count < Self.depthMax else {
      complain(place, "'\(path)' is included more than \(Self.depthMax) deep")
      return []
    }
    files += 1
    guard files <= Self.filesMax, bytes <= Self.bytesMax else {
      if files == Self.filesMax + 1 || bytes > Self.bytesMax {
        complain(place, "too many or too large files are included; '\(path)' is left out")
      }
      return []
    }
    do throws(MigrationSource.Unreadable) {
      let content = try source.read(path, Self.fileBytesMax)
      guard content.count <= Self.fileBytesMax else {
        complain(place, "'\(path)' is larger than 1 MiB")
        return []
      }
      bytes += content.count
      open.append(path)
      defer { open.removeLast() }
      return parse(content)
    } catch {
      complain(place, "'\(path)' cannot be read: \(error.reason)")
      return []
    }
  }

  /// The whole path of a name that a directive has.
  func absolute(_ name: String) -> String {
    name.hasPrefix("/") ? name : (root.hasSuffix("/") ? root : root + "/") + name
  }

  /// The files that a pattern such as `/etc/nginx/conf.d/*.conf` names, in their order.
  func matches(_ pattern: String) -> [String] {
    guard pattern.contains(where: { "*?[".contains($0) }) else { return [pattern] }
    var found = [""]
    for part in pattern.split(separator: "/") {
      guard part.contains(where: { "*?[".contains($0) }) else {
        found = found.map { "\($0)/\(part)" }
        continue
      }
      let glob = Glob(String(part))
      found = found.flatMap { place in
        source.names(place.isEmpty ? "/" : place).sorted()
          .filter { glob.matches($0) && (!$0.hasPrefix(".") || part.hasPrefix(".")) }
          .map { "\(place)/\($0)" }
      }
      if found.count > Self.filesMax { found.removeLast(found.count - Self.filesMax) }
    }
    return found
  }
}

/// A pattern of a shell for one name: `*`, `?` and `[a-z]`.
struct Glob {
  private let pattern: [Unicode.Scalar]

  init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

  /// In time of both lengths' product: only the last `*` is ever tried again.
  func matches(_ name: String) -> Bool {
    let name = Array(name.unicodeScalars)
    var (at, place) = (0, 0)
    var star: (pattern: Int, name: Int)?
    while place < name.count {
      if at < pattern.count, pattern[at] == "*" {
        star = (at, place)
        at += 1
      } else if let next = step(at, name[place]) {
        at = next
        place += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        (at, place) = (last.pattern + 1, last.name + 1)
      } else {
        return false
      }
    }
    return pattern.dropFirst(at).allSatisfy { $0 == "*" }
  }

  /// Where the pattern goes on after one character; `nil` where that does not fit.
  private func step(_ at: Int, _ scalar: Unicode.Scalar) -> Int? {
    guard at < pattern.count else { return nil }
    if pattern[at] == "?" { return at + 1 }
    guard pattern[at] == "[", let end = pattern[(at + 1)...].firstIndex(of: "]"), end > at + 1
    else { return pattern[at] == scalar ? at + 1 : nil }
    var members = pattern[(at + 1)..<end]
    let isNegated = members.first == "!" || members.first == "^"
    if isNegated { members = members.dropFirst() }
    var isMember = false
    while let first = members.popFirst() {
      if members.first == "-", members.count > 1, let upper = members.dropFirst().first {
        isMember = isMember || first <= scalar && scalar <= upper
        members = members.dropFirst(2)
      } else {
        isMember = isMember || first == scalar
      }
    }
    return isMember != isNegated ? end + 1 : nil
  }
}
