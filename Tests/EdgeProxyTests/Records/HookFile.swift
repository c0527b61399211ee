import Glibc
import TestSupport
import Testing

extension TemporaryDirectory {
  /// A hook that notes its arguments in `calls` and then runs `script`.
  func hook(_ script: String = "") throws -> String {
    let file = path + "/hook"
    try write("hook", "#!/bin/sh\necho \"$#: $*\" >> '\(path)/calls'\n\(script)\n")
    // SAFETY: the path is a C string for the length of the call.
    #expect(unsafe chmod(file, 0o700) == 0)
    return file
  }

  /// What the hook was called with.
  func calls() throws -> [String] {
    try read("calls").split(separator: "\n").map(String.init)
  }
}
