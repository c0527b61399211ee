/// The users of an htpasswd file with the hashes of their passwords.
package struct UserTable: Sendable, Equatable {
  /// What is wrong with one line.
  package struct Mistake: Error, Equatable, CustomStringConvertible {
    package let line: Int
    package let text: String
    package var description: String { "line \(line): \(text)" }
  }

  /// What a hash is asked for.
  package struct Found: Sendable {
    package let hash: PasswordHash
    /// `false` for a hash of somebody else, by which an unknown user costs as much as a known one.
    package let isKnown: Bool
  }

  /// More is no list of people.
  package static let fileBytesMax = 1 << 20
  package static let userBytesMax = 255

  private var hashes: [[UInt8]: PasswordHash] = [:]
  /// The hashes in the order of the file.
  private var all: [PasswordHash] = []

  package init() {}

  package var isEmpty: Bool { all.isEmpty }

  /// The hash by which a password of this user is checked; `nil` where the file has nobody.
  ///
  /// An unknown name always gets the same hash, so that its cost tells nothing.
  package func find(_ user: [UInt8]) -> Found? {
    if let hash = hashes[user] { return Found(hash: hash, isKnown: true) }
    guard !all.isEmpty else { return nil }
    var hasher = Hasher()
    hasher.combine(user)
    let number = Int(UInt(bitPattern: hasher.finalize()) % UInt(all.count))
    return Found(hash: all[number], isKnown: false)
  }

  // MARK: Reading

  /// Reads `user:hash` lines; empty ones and those that begin with `#` are passed over.
  ///
  /// What stands behind a second `:` is a comment, as nginx has it.
  package static func read(_ file: [UInt8]) -> (table: UserTable, mistakes: [Mistake]) {
    var table = UserTable()
    var mistakes: [Mistake] = []
    var places: [[UInt8]: Int] = [:]
    let lines = file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.first == UInt8(ascii: "#") || line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
        continue
      }
      do throws(Mistake) {
        let (user, hash) = try read(line, number: index + 1)
        if let first = places[user] {
          throw Mistake(line: index + 1, text: "\(name(user)) is there already, on line \(first)")
        }
        places[user] = index + 1
        table.hashes[user] = hash
        table.all.append(hash)
      } catch {
        mistakes.append(error)
      }
    }
    return (table, mistakes)
  }

  private static func read(
    _ line: ArraySlice<UInt8>, number: Int
  ) throws(Mistake) -> ([UInt8], PasswordHash) {
    let parts = line.split(
      separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
    // The line may be a password, which is told to nobody.
    guard parts.count > 1 else { throw Mistake(line: number, text: "no ':' behind a user") }
    let user = Array(parts[0])
    guard (1...userBytesMax).contains(user.count), user.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
    else { throw Mistake(line: number, text: "the name of the user is empty, too long or no text") }
    do throws(PasswordHash.Refusal) {
      return (user, try PasswordHash(Array(parts[1])))
    } catch {
      throw Mistake(
        line: number,
        text: "the password of \(name(user)) \(error): htpasswd -B FILE \(plain(user))")
    }
  }

  private static func name(_ user: [UInt8]) -> String { "'\(plain(user))'" }

  /// Short enough for a message.
  private static func plain(_ user: [UInt8]) -> String {
    let text = String(decoding: user, as: UTF8.self)
    return String(text.unicodeScalars.prefix(40).map { $0.value < 0x20 ? "?" : Character($0) })
  }
}
