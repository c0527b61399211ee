internal import Glibc

/// A system call that failed, with the number the kernel gave.
package struct SystemError: Error, Equatable, CustomStringConvertible {
  /// The call, as the manual pages name it.
  package let call: String
  /// The value of `errno` right after the call.
  package let code: Int32

  /// Takes the current `errno`; call it before anything else can change that.
  package init(_ call: String) {
    self.init(call, code: errno)
  }

  package init(_ call: String, code: Int32) {
    self.call = call
    self.code = code
  }

  package var description: String {
    // SAFETY: the C library keeps the text until the thread's next call; it is copied at once.
    "\(call): \(unsafe String(cString: strerror(code)))"
  }
}
