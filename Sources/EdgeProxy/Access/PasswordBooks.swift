internal import CertStore
internal import Configuration
internal import EventLoop
internal import Glibc
internal import Logging
internal import Passwords

/// The users of one file, as it was when it was last read.
///
/// The control thread reads it and workers look into it.
final class PasswordBook: Sendable {
  let path: String
  private let table: Guarded<UserTable>
  private let seen = Guarded<FileMark?>(nil)

  enum Change: Equatable { case none, taken, refused(String) }

  init(_ path: String, _ table: UserTable) {
    self.path = path
    self.table = Guarded(table)
  }

  func find(_ user: [UInt8]) -> UserTable.Found? { table.withLock { $0 }.find(user) }

  /// Takes over what was read with the configuration.
  func install(_ table: UserTable) { self.table.withLock { $0 = table } }

  /// Reads the file if it is another than before; one with mistakes changes nothing.
  func lookAgain() -> Change {
    let mark = FileMark(of: path)
    guard seen.withLock({ $0 }) != mark else { return .none }
    // Marked before it is read, so that a change in between is seen the next time. One that is about
    // as old as the clock of files is fine may change once more without another mark.
    seen.withLock { $0 = mark.isSettled ? mark : nil }
    do throws(SystemError) {
      let bytes = try WholeFile.read(path, bytesMax: UserTable.fileBytesMax)
      guard bytes.count <= UserTable.fileBytesMax else { return .refused("it is too large") }
      let (read, mistakes) = UserTable.read(bytes)
      if let first = mistakes.first { return .refused(first.description) }
      return table.withLock { table in
        defer { table = read }
        return table == read ? .none : .taken
      }
    } catch {
      return .refused("\(error)")
    }
  }
}

/// What tells one state of a file from another.
private struct FileMark: Equatable, Sendable {
  private let numbers: [Int]
  private let changed: Int

  /// Whether the last change lies so far back that the next one has another time.
  var isSettled: Bool { abs(Int(WallTime.seconds) - changed) > 1 }

  /// Nothing where there is no file.
  init(of path: String) {
    var facts = stat()
    // SAFETY: the path is a C string for the length of the call, which fills a value of this frame.
    guard unsafe stat(path, &facts) == 0 else {
      numbers = []
      changed = 0
      return
    }
    numbers = [
      Int(truncatingIfNeeded: facts.st_dev), Int(truncatingIfNeeded: facts.st_ino),
      Int(facts.st_size), facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec,
      facts.st_ctim.tv_nsec,
    ]
    changed = facts.st_ctim.tv_sec
  }
}

/// The files of users that a configuration names, and the desk where their passwords are checked.
struct PasswordBooks: Sendable {
  private let books: [String: PasswordBook]
  /// `nil` where no route asks for a password, or no thread could be started.
  let desk: PasswordDesk?

  static let none = PasswordBooks(books: [:], desk: nil)

  private init(books: [String: PasswordBook], desk: PasswordDesk?) {
    self.books = books
    self.desk = desk
  }

  /// Requests under way go on with the books of before, which are the same ones.
  init(_ configuration: Configuration, previous: PasswordBooks?) {
    var books: [String: PasswordBook] = [:]
    for route in configuration.routes {
      guard let settings = route.access?.passwords, books[settings.file] == nil else { continue }
      let known = previous?.books[settings.file]
      known?.install(settings.users)
      books[settings.file] = known ?? PasswordBook(settings.file, settings.users)
    }
    self.books = books
    desk = books.isEmpty ? nil : previous?.desk ?? (try? PasswordDesk())
  }

  func find(_ user: [UInt8], in file: String) -> UserTable.Found? { books[file]?.find(user) }

  /// Takes over files that have changed; called once a second on the control thread.
  func lookAgain(logger: Logger, warnings: Warnings) {
    for book in books.values {
      let key = "basic_auth \(book.path)"
      switch book.lookAgain() {
      case .none: break
      case .taken:
        warnings.clear(key)
        logger.notice("users read again", metadata: ["file": "\(book.path)"])
      case .refused(let why):
        let text = "'\(book.path)' cannot be used: \(why)"
        let advice = "the users of before go on; put the file right, no reload is needed"
        guard warnings.raise(key, text, advice: advice) else { continue }
        logger.warning("\(text)", metadata: ["advice": "\(advice)"])
      }
    }
  }
}
