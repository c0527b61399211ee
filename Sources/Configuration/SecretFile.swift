internal import Glibc

/// Whether a file that holds a private key, or another secret, is one.
enum SecretFile {
  /// What to do about a file that any user of this machine can open; `nil` where none can.
  ///
  /// A file is out of reach where a directory on the way to it is closed to others.
  static func exposure(of path: String, holding what: String = "a private key") -> String? {
    guard let mode = mode(path), mode & 0o006 != 0, isReachable(path) else { return nil }
    return
      "'\(Found.shortened(path))' holds \(what), and its mode \(octal(mode)) lets every user"
      + " of this machine at it: chmod 0600, or 0640 with chown root:edgeproxy"
  }

  private static func mode(_ path: String) -> UInt32? {
    var facts = stat()
    // SAFETY: paths are C strings for the length of each call, and what the kernel fills lies in
    // the frame that calls.
    guard unsafe stat(path, &facts) == 0 else { return nil }
    return facts.st_mode & 0o7777
  }

  /// Whether everybody may enter all directories above the file that a path leads to.
  private static func isReachable(_ path: String) -> Bool {
    guard let raw = unsafe realpath(path, nil) else { return true }
    // SAFETY: the text ends with a NUL, and is freed after it was copied.
    var place = unsafe String(cString: raw)
    unsafe free(raw)
    while let slash = place.lastIndex(of: "/"), slash > place.startIndex {
      place = String(place[..<slash])
      if let mode = mode(place), mode & 0o001 == 0 { return false }
    }
    return true
  }

  private static func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
