import Glibc

/// Files of this repository that tests read.
package enum RepositoryFiles {
  /// The top of the repository.
  private static let top: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
  }()

  /// The content of a file, by its path from the top; `nil` where it cannot be read.
  package static func read(_ path: String) -> [UInt8]? {
    // SAFETY: the strings live for the length of the call.
    guard let file = unsafe fopen("\(top)/\(path)", "r") else { return nil }
    // SAFETY: the stream is open and closed once.
    defer { _ = unsafe fclose(file) }
    var content: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      // SAFETY: `fread` writes at most the count of the array that it is given.
      let count = unsafe fread(&part, 1, part.count, file)
      guard count > 0 else { return content }
      content += part[..<count]
    }
  }

  /// The paths of the files in a directory, in order; none where it is missing.
  package static func list(_ path: String) -> [String] {
    // SAFETY: the string lives for the length of the call.
    guard let directory = unsafe opendir("\(top)/\(path)") else { return [] }
    // SAFETY: the directory is open and closed once.
    defer { _ = unsafe closedir(directory) }
    var names: [String] = []
    // SAFETY: an entry is valid until the next call, its name ends with NUL.
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { start in
        unsafe start.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append("\(path)/\(name)") }
    }
    return names.sorted()
  }
}
