internal import Glibc

/// The variables that the process was started with.
package enum Environment {
  package static func current() -> [String: String] {
    var variables: [String: String] = [:]
    var next = unsafe environ
    // SAFETY: the C library keeps the array, which ends with a null pointer, and its texts for the
    // life of the process; nothing here calls setenv.
    while let entry = unsafe next.pointee {
      let text = unsafe String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      unsafe next += 1
    }
    return variables
  }
}
