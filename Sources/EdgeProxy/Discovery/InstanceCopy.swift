internal import CertStore
internal import Configuration
internal import EventLoop
internal import HTTPCore

/// The table of instances on disk, so that a server that was restarted knows where to send requests.
///
///     edgeproxy instances 1
///     KEY SOURCE HEARD ADDRESS MODIFIER1 MODIFIER2 WEIGHT CORES BACKUP
///     KEY - HEARD
///     end LINES
///
/// A line for each instance, and one for a key that has none; HEARD is in seconds since 1970, SOURCE an
/// address, `unix`, or `@NODE` for what another server shares. The file is
/// replaced whole or not at all. `InstanceRules` judges what is written and what is read, so a line that
/// is written can be read; one that was damaged costs itself.
struct InstanceCopy {
  struct Row: Equatable {
    var key: [UInt8]
    /// Seconds since 1970.
    var heard: Int64
    /// `nil` for a key without any.
    var instance: Instance?
    var source = SubscriptionSource.unix
  }

  private let directory: PrivateDirectory

  private static let name = "table"
  private static let head = "edgeproxy instances 1"
  static let bytesMax = 32 << 20
  static let rowsMax = 60_000

  init(_ path: String) { directory = PrivateDirectory(path: path) }

  /// What can be read, and what in it was not; nothing where there is no copy yet.
  ///
  /// A bad line costs itself. Throws where the file is not ours at all.
  func load() throws(CopyError) -> (rows: [Row], mistakes: [String]) {
    directory.removeLeftovers()
    guard let bytes = try directory.read(Self.name, bytesMax: Self.bytesMax) else {
      return ([], [])
    }
    guard let read = Self.decode(bytes) else {
      throw .refused(path: directory.path(Self.name), reason: "it is no copy of instances")
    }
    return read
  }

  /// Writes what can be read back; returns the keys of what was left out because it cannot.
  func save(_ rows: [Row]) throws(CopyError) -> [String] {
    let (bytes, leftOut) = Self.encode(rows)
    try directory.prepare()
    try directory.write(Self.name, bytes)
    try directory.sync()
    return leftOut
  }

  static func encode(_ rows: [Row]) -> (bytes: [UInt8], leftOut: [String]) {
    var text = Array("\(head)\n".utf8)
    var leftOut: [String] = []
    var count = 0
    for row in rows {
      guard count < rowsMax, isReadable(row) else {
        leftOut.append(KeyText.text(row.key))
        continue
      }
      count += 1
      text += row.key
      guard let instance = row.instance else {
        text += Array(" - \(row.heard)\n".utf8)
        continue
      }
      let numbers =
        "\(instance.modifier1) \(instance.modifier2) \(instance.weight) \(instance.cores)"
        + " \(instance.isBackup ? 1 : 0)"
      text += Array(" \(row.source) \(row.heard) \(instance.address) \(numbers)\n".utf8)
    }
    return (text + Array("end \(count)\n".utf8), leftOut)
  }

  /// Whether a row passes the judge that reads it.
  private static func isReadable(_ row: Row) -> Bool {
    guard heardRange.contains(Int(row.heard)) else { return false }
    if case .server(let node) = row.source, !NodeName.isGood(node.utf8) { return false }
    guard let instance = row.instance else { return InstanceRules.isKey(row.key) }
    guard (1...InstanceRules.weightMax).contains(instance.weight),
      (0...InstanceRules.coresMax).contains(instance.cores)
    else { return false }
    return (try? InstanceRules.check(row.key, instance)) != nil
  }

  /// Seconds since 1970, to the year 9999.
  private static let heardRange = 0...Int(WallTime.secondsMax)

  /// `nil` where it does not begin as what was written.
  static func decode(_ bytes: [UInt8]) -> (rows: [Row], mistakes: [String])? {
    var lines = bytes.prefix(bytesMax)
      .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.removeFirst().elementsEqual(head.utf8) else { return nil }
    var mistakes: [String] = []
    // Without its line feed the last line is not whole.
    if let rest = lines.popLast(), !rest.isEmpty { mistakes.append("its last line is cut") }
    if let end = lines.last, end.elementsEqual("end \(lines.count - 1)".utf8) {
      lines.removeLast()
    } else {
      mistakes.append("it has not as many lines as were written")
    }
    var rows: [Row] = []
    for (index, line) in lines.enumerated() {
      guard rows.count < rowsMax else {
        mistakes.append("there are more than \(rowsMax) lines")
        break
      }
      if let row = row(line) {
        rows.append(row)
      } else {
        mistakes.append("line \(index + 2): '\(KeyText.text(Array(line)))'")
      }
    }
    return (rows, mistakes)
  }

  private static func row(_ line: ArraySlice<UInt8>) -> Row? {
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      .map { Array($0) }
    guard words.count == 3 || words.count == 9, InstanceRules.isKey(words[0]),
      let heard = number(words[2], heardRange)
    else { return nil }
    var row = Row(key: words[0], heard: Int64(heard))
    if words.count == 3 { return words[1] == [UInt8(ascii: "-")] ? row : nil }
    guard let source = source(words[1]), let address = InstanceRules.address(words[3]),
      let modifier1 = number(words[4], 0...255), let modifier2 = number(words[5], 0...255),
      let weight = number(words[6], 1...InstanceRules.weightMax),
      let cores = number(words[7], 0...InstanceRules.coresMax),
      let backup = number(words[8], 0...1)
    else { return nil }
    row.source = source
    let instance = Instance(
      address: address, modifier1: UInt8(modifier1), modifier2: UInt8(modifier2), weight: weight,
      cores: cores, isBackup: backup == 1)
    guard (try? InstanceRules.check(row.key, instance)) != nil else { return nil }
    row.instance = instance
    return row
  }

  private static func source(_ word: [UInt8]) -> SubscriptionSource? {
    if word.elementsEqual("unix".utf8) { return .unix }
    if word.first == UInt8(ascii: "@") {
      return NodeName.read(word.dropFirst()).map { .server($0) }
    }
    return IPAddress(word.span).map { .machine($0) }
  }

  private static func number(_ word: [UInt8], _ range: ClosedRange<Int>) -> Int? {
    Number.parse(String(decoding: word, as: UTF8.self)).flatMap { range.contains($0) ? $0 : nil }
  }
}
