internal import CertStore
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
/// replaced whole or not at all, and one that is damaged is not used at all.
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

  /// Nothing where there is no copy yet.
  func load() throws(CertificateCopyError) -> [Row] {
    directory.removeLeftovers()
    guard let bytes = try directory.read(Self.name, bytesMax: Self.bytesMax) else { return [] }
    guard bytes.count <= Self.bytesMax, let rows = Self.decode(bytes) else {
      throw .refused(path: directory.path(Self.name), reason: "the file is damaged")
    }
    return rows
  }

  func save(_ rows: [Row]) throws(CertificateCopyError) {
    try directory.prepare()
    try directory.write(Self.name, Self.encode(rows))
    try directory.sync()
  }

  static func encode(_ rows: [Row]) -> [UInt8] {
    var text = Array("\(head)\n".utf8)
    for row in rows {
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
    return text + Array("end \(rows.count)\n".utf8)
  }

  /// `nil` where it is not what was written.
  static func decode(_ bytes: [UInt8]) -> [Row]? {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.count >= 3, lines.count <= rowsMax + 3, lines.removeLast().isEmpty,
      lines.removeFirst().elementsEqual(head.utf8),
      lines.removeLast().elementsEqual("end \(lines.count)".utf8)
    else { return nil }
    var rows: [Row] = []
    for line in lines {
      guard let row = row(line) else { return nil }
      rows.append(row)
    }
    return rows
  }

  private static func row(_ line: ArraySlice<UInt8>) -> Row? {
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      .map { Array($0) }
    guard words.count == 3 || words.count == 9, SubscriptionKey.normalise(words[0]) == words[0],
      let heard = number(words[2], 0...Int(Int32.max) * 1000)
    else { return nil }
    var row = Row(key: words[0], heard: Int64(heard))
    if words.count == 3 { return words[1] == [UInt8(ascii: "-")] ? row : nil }
    guard let source = source(words[1]), let address = address(words[3]),
      let modifier1 = number(words[4], 0...255), let modifier2 = number(words[5], 0...255),
      let weight = number(words[6], 1...SubscriptionPolicy.weightMax),
      let cores = number(words[7], 0...SubscriptionPolicy.coresMax),
      let backup = number(words[8], 0...1)
    else { return nil }
    row.source = source
    row.instance = Instance(
      address: address, modifier1: UInt8(modifier1), modifier2: UInt8(modifier2), weight: weight,
      cores: cores, isBackup: backup == 1)
    return row
  }

  private static func source(_ word: [UInt8]) -> SubscriptionSource? {
    if word.elementsEqual("unix".utf8) { return .unix }
    if word.first == UInt8(ascii: "@") {
      return .server(String(decoding: word.dropFirst(), as: UTF8.self))
    }
    return IPAddress(word.span).map { .machine($0) }
  }

  private static func address(_ word: [UInt8]) -> SocketAddress? {
    let prefix = Array("unix:".utf8)
    return SubscriptionPolicy.address(word.starts(with: prefix) ? Array(word.dropFirst(5)) : word)
  }

  private static func number(_ word: [UInt8], _ range: ClosedRange<Int>) -> Int? {
    Number.parse(String(decoding: word, as: UTF8.self)).flatMap { range.contains($0) ? $0 : nil }
  }
}
