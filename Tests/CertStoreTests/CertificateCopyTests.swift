import Glibc
import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("The copy of the certificates on disk")
struct CertificateCopyTests {
  private let folder: Folder
  private let copy: CertificateCopy
  private let path: String

  init() throws {
    folder = try Folder()
    path = folder.path + "/certificates"
    copy = CertificateCopy(path)
  }

  private func record(_ key: String, _ value: String) -> CopyRecord {
    CopyRecord([EtcdFixture.stored(key, Array(value.utf8))])
  }

  private func file(_ name: String) -> Glibc.stat? {
    var facts = Glibc.stat()
    return unsafe stat(path + "/" + name, &facts) == 0 ? facts : nil
  }

  private func names() throws -> [String] {
    try CertificateDirectory.list(path).filter { $0 != "." && $0 != ".." }.sorted()
  }

  @Test func `what is saved is loaded by the next process`() throws {
    let records = [
      record("/c/a", "1"), record("/c/b", ""),
      CopyRecord([EtcdFixture.stored("fullchain.cer", [0]), EtcdFixture.stored("a.key", [255])]),
    ]
    try copy.save(records)
    let (loaded, refusals) = try CertificateCopy(path).load()
    #expect(loaded.sorted { $0.key.lexicographicallyPrecedes($1.key) } == records)
    #expect(refusals.isEmpty)
  }

  @Test func `no copy is an empty one, and no directory is made to find that out`() throws {
    #expect(try copy.load().records.isEmpty)
    #expect(try copy.loadTicketKeys(with: nil) == nil)
    #expect(throws: (any Error).self) { try names() }
  }

  @Test func `the directory and its files are for the owner alone`() throws {
    try folder.makeFolder("certificates")
    try folder.changeMode("certificates", 0o755)
    try copy.save([record("/c/a", "1")])
    #expect(file(".")?.st_mode == S_IFDIR | 0o700)
    #expect(file("k-_2fc_2fa.copy")?.st_mode == S_IFREG | 0o600)
  }

  @Test func `unchanged files are left alone, changed ones replaced, surplus ones removed`() throws
  {
    try copy.save([record("/c/a", "1"), record("/c/b", "1"), record("/c/c", "1")])
    try folder.write("certificates/notes", "of an operator")
    let before = try names().map { file($0)?.st_ino }
    for copy in [copy, CertificateCopy(path)] {
      try copy.save([record("/c/a", "1"), record("/c/b", "2")])
      #expect(
        try names() == ["k-_2fc_2fa.copy", "k-_2fc_2fb.copy", "notes"])
      #expect(file("k-_2fc_2fa.copy")?.st_ino == before[0])
      #expect(file("k-_2fc_2fb.copy")?.st_ino != before[1])
    }
    #expect(
      try copy.load().records == [record("/c/a", "1"), record("/c/b", "2")])
  }

  @Test func `a file that somebody removed is written again`() throws {
    try copy.save([record("/c/a", "1")])
    folder.remove("certificates/k-_2fc_2fa.copy")
    try copy.save([record("/c/a", "1")])
    #expect(try copy.load().records.count == 1)
  }

  @Test func `any key gets a name of its own within the file system's limits`() throws {
    var keys: [[UInt8]] = [[], [0], Array("..".utf8), Array("/../../x".utf8), Array("_2f".utf8)]
    keys += (0...255).map { [UInt8($0)] }
    for count in [59, 60, 61, 180, 181, 1024] {
      keys.append([UInt8](repeating: 0x2f, count: count))
      keys.append([UInt8](repeating: 0x61, count: count))
      keys.append([UInt8](repeating: 0x61, count: count - 1) + [0x62])
    }
    let keySet = Set(keys)
    let names = Set(keySet.map(CopyFile.name))
    #expect(names.count == keySet.count)
    #expect(names.allSatisfy { $0.utf8.count < 200 && !$0.contains("/") && CopyFile.isName($0) })
    let records = keySet.map { CopyRecord([StoredValue(key: $0, value: [1])]) }
    try copy.save(records)
    #expect(Set(try CertificateCopy(path).load().records.map(\.key)) == keySet)
  }

  @Test(arguments: ["cut", "changed", "empty", "longer", "foreign", "endless", "folder"])
  func `a damaged file is refused and the others are used`(how: String) throws {
    try copy.save([record("/c/a", "a value"), record("/c/b", "another")])
    let name = "certificates/k-_2fc_2fa.copy"
    var bytes = CopyFile.encode(record("/c/a", "a value"))
    switch how {
    case "cut": bytes.removeLast()
    case "changed": bytes[bytes.count - 1] ^= 1
    case "empty": bytes = []
    case "longer": bytes.append(0)
    case "foreign": bytes = CopyFile.encode(record("/c/b", "another"))
    case "endless": bytes = [UInt8](repeating: 0x61, count: 3 << 20)
    default:
      folder.remove(name)
      try folder.makeFolder(name)
    }
    if how != "folder" { try folder.write(name, bytes) }
    let again = CertificateCopy(path)
    let (records, refusals) = try again.load()
    #expect(records == [record("/c/b", "another")])
    #expect(refusals.map(\.source) == [folder.path + "/" + name])
    let reason =
      switch how {
      case "foreign": "the file has the name of another certificate"
      case "folder": "read: Is a directory"
      default: "the file is damaged"
      }
    #expect(refusals.map(\.reason) == [reason])
    // The next save puts it right.
    guard how != "folder" else { return }
    try again.save([record("/c/a", "a value"), record("/c/b", "another")])
    #expect(try CertificateCopy(path).load().records.count == 2)
  }

  @Test func `a forged file never traps`() throws {
    let bytes = CopyFile.encode(record("/c/a", "a value"))
    // Behind the magic line and the digest, which is made to fit.
    for position in 49..<bytes.count {
      for value in [UInt8(0), 1, 2, 127, 255] {
        var body = Array(bytes[49...])
        body[position - 49] = value
        let forged = bytes[..<17] + Hash.sha256(body) + body
        if let record = CopyFile.decode(Array(forged)) {
          #expect(CopyFile.encode(record) == Array(forged))
        }
      }
    }
  }

  @Test func `a failed save leaves the old copy whole and says what failed`() throws {
    try copy.save([record("/c/a", "old"), record("/c/gone", "old")])
    // Something that cannot be replaced lies where the new file would be written first.
    let obstacle = "certificates/.new-\(getpid())-k-_2fc_2fa.copy"
    try folder.makeFolder(obstacle)
    let error = #expect(throws: CopyError.self) {
      try copy.save([record("/c/a", "new"), record("/c/b", "new")])
    }
    #expect(error?.description == "\(path)/k-_2fc_2fa.copy: open: File exists")
    #expect(
      try CertificateCopy(path).load().records
        == [record("/c/a", "old"), record("/c/b", "new"), record("/c/gone", "old")])
    folder.remove(obstacle)
    try copy.save([record("/c/a", "new"), record("/c/b", "new")])
    #expect(
      try CertificateCopy(path).load().records == [record("/c/a", "new"), record("/c/b", "new")])
  }

  @Test func `a place where no directory can be made is a typed error`() throws {
    try folder.write("file", "")
    for place in ["/file/certificates", "/nowhere/certificates"] {
      #expect(throws: CopyError.self) {
        try CertificateCopy(folder.path + place).save([])
      }
    }
    #expect(throws: CopyError.self) {
      try CertificateCopy(folder.path + "/file").save([])
    }
    #expect(throws: CopyError.self) { try CertificateCopy(folder.path + "/file").load() }
  }

  @Test func `what a crash left half-written is never read and goes away`() throws {
    try copy.save([record("/c/a", "1")])
    try folder.write("certificates/.new-1-k-_2fc_2fb.copy", "half")
    let (records, refusals) = try CertificateCopy(path).load()
    #expect(records.count == 1)
    #expect(refusals.isEmpty)
    #expect(try names() == ["k-_2fc_2fa.copy"])
  }

  @Test func `an encrypted private key is encrypted on disk`() throws {
    let keys = try EncryptionKeys.fresh("k1")
    let at = EtcdFixture(keys: keys)
    let value = try CertificateBundle.write(
      chainPEM: at.issue("a.test").bundle, keyPEM: nil, keys: keys, now: at.now)
    #expect(at.list(["/c/a": value]))
    try copy.save(at.store.etcd?.copy ?? [])
    let bytes = try WholeFile.read(path + "/k-_2fc_2fa.copy", bytesMax: 1 << 20)
    #expect(bytes.firstRange(of: "PRIVATE KEY".utf8) == nil)
    let next = EtcdFixture(keys: keys)
    let records = try CertificateCopy(path).load().records
    #expect(next.store.update { $0.loadCopy(records, now: at.now) })
  }

  @Test func `ticket keys are kept the same way`() throws {
    let keyring = try TicketKeyring(now: 1000)
    for keys in [nil, try EncryptionKeys.fresh("k1")] {
      let encoded = try keyring.encoded(with: keys)
      try copy.saveTicketKeys(encoded)
      let inode = file("ticket-keys")?.st_ino
      try copy.saveTicketKeys(encoded)
      #expect(file("ticket-keys")?.st_ino == inode)
      #expect(file("ticket-keys")?.st_mode == S_IFREG | 0o600)
      #expect(try CertificateCopy(path).loadTicketKeys(with: keys) == keyring)
    }
    // Certificates come and go beside them.
    try copy.save([])
    #expect(file("ticket-keys") != nil)
    try folder.write("certificates/ticket-keys", "damaged")
    #expect(
      throws: CopyError.refused(
        path: path + "/ticket-keys", reason: "it is not a whole keyring")
    ) { try copy.loadTicketKeys(with: nil) }
  }
}
