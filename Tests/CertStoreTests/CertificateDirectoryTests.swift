import EventLoop
import Glibc
import Testing

@testable import CertStore

@Suite("What lies in a certificate directory")
struct CertificateDirectoryTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  @Test func `bundles and folders are found, in order of their names`() throws {
    try folder.write("b.pem", "bundle")
    try folder.makeFolder("a")
    try folder.write("a/fullchain.pem", "chain")
    try folder.write("a/privkey.pem", "key")
    let pairs = try CertificateDirectory(folder.path).scan().pairs
    #expect(pairs.map(\.source) == [folder.path + "/a/fullchain.pem", folder.path + "/b.pem"])
    #expect(pairs.map(\.chain) == [Array("chain".utf8), Array("bundle".utf8)])
    #expect(pairs.map(\.key) == [Array("key".utf8), nil])
  }

  @Test func `other files, hidden ones and folders without a pair are passed over`() throws {
    for name in ["README", "a.pem.new", ".b.pem", "c.key", "d.PEM~"] { try folder.write(name, "x") }
    try folder.makeFolder("empty")
    try folder.makeFolder(".hidden")
    try folder.write(".hidden/fullchain.pem", "x")
    try folder.makeFolder("folder.pem")
    let scan = try CertificateDirectory(folder.path).scan()
    #expect(scan.pairs.isEmpty)
    #expect(scan.unreadable.isEmpty)
  }

  @Test func `a folder with one of the two files is unreadable, with the missing one's path`()
    throws
  {
    try folder.makeFolder("a")
    try folder.write("a/fullchain.pem", "chain")
    try folder.makeFolder("b")
    try folder.write("b/privkey.pem", "key")
    let scan = try CertificateDirectory(folder.path).scan()
    #expect(scan.pairs.isEmpty)
    #expect(
      scan.unreadable.map(\.path)
        == ["a/privkey.pem", "b/fullchain.pem"].map { folder.path + "/" + $0 })
    #expect(scan.unreadable.allSatisfy { $0.error.code == ENOENT })
  }

  @Test func `links are followed, as certbot makes them`() throws {
    try folder.makeFolder("archive")
    try folder.write("archive/fullchain1.pem", "chain")
    try folder.write("archive/privkey1.pem", "key")
    try folder.makeFolder("live")
    try folder.link("live/fullchain.pem", to: "../archive/fullchain1.pem")
    try folder.link("live/privkey.pem", to: "../archive/privkey1.pem")
    let pairs = try CertificateDirectory(folder.path).scan().pairs
    #expect(pairs.map(\.source) == [folder.path + "/live/fullchain.pem"])
  }

  @Test func `a link to nowhere is unreadable and a pipe does not stop the scan`() throws {
    try folder.link("a.pem", to: "nowhere")
    #expect(unsafe mkfifo(folder.path + "/b.pem", 0o600) == 0)
    let scan = try CertificateDirectory(folder.path).scan()
    #expect(scan.unreadable.map(\.path) == [folder.path + "/a.pem"])
    #expect(scan.pairs.map(\.chain) == [[]])
  }

  @Test func `a directory that is not there is an error and not an empty one`() {
    let error = #expect(throws: SystemError.self) {
      try CertificateDirectory(folder.path + "/nowhere").scan()
    }
    #expect(error?.code == ENOENT)
  }
}

@Suite("A change in a certificate directory is noticed")
struct CertificateWatchTests {
  private let folder: Folder
  private let directory: CertificateDirectory

  init() throws {
    folder = try Folder()
    try folder.makeFolder("certificates")
    try folder.makeFolder("certificates/a")
    try folder.write("certificates/a/fullchain.pem", "1")
    directory = CertificateDirectory(folder.path + "/certificates")
    directory.watch()
  }

  /// Whether the kernel says at once that the descriptor is readable, as the loop would ask it.
  private var isReadable: Bool {
    guard let descriptor = directory.descriptor else { return false }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, 0) == 1
  }

  @Test func `a quiet directory has nothing to tell, reading it included`() throws {
    _ = try directory.scan()
    directory.watch()
    #expect(!isReadable)
    #expect(!directory.drain())
  }

  @Test(arguments: [
    "new file", "changed file", "file in a folder", "new folder", "removed file", "renamed over",
    "mode", "link",
  ])
  func `every way to change a pair is noticed once`(change: String) throws {
    switch change {
    case "new file": try folder.write("certificates/b.pem", "2")
    case "changed file", "file in a folder": try folder.write("certificates/a/fullchain.pem", "2")
    case "new folder": try folder.makeFolder("certificates/c")
    case "removed file": folder.remove("certificates/a/fullchain.pem")
    case "renamed over":
      try folder.write("new", "2")
      try folder.rename("new", "certificates/a/fullchain.pem")
    case "mode": try folder.changeMode("certificates/a/fullchain.pem", 0o640)
    default: try folder.link("certificates/a/privkey.pem", to: "elsewhere")
    }
    #expect(isReadable)
    #expect(directory.drain())
    #expect(!isReadable)
    #expect(!directory.drain())
  }

  @Test func `files in a folder that came later are noticed`() throws {
    try folder.makeFolder("certificates/b")
    #expect(directory.drain())
    directory.watch()
    try folder.write("certificates/b/fullchain.pem", "1")
    #expect(directory.drain())
  }

  @Test func `a directory that another one takes the place of is watched from then on`() throws {
    try folder.rename("certificates", "old")
    #expect(directory.drain())
    directory.watch()
    try folder.makeFolder("certificates")
    #expect(directory.drain())
    directory.watch()
    try folder.write("certificates/a.pem", "1")
    #expect(directory.drain())
  }

  @Test func `a directory that comes after the start is noticed`() throws {
    let late = CertificateDirectory(folder.path + "/late")
    late.watch()
    #expect(!late.isWatched)
    try folder.write("neighbour", "1")
    #expect(!late.drain())
    try folder.makeFolder("late")
    #expect(late.drain())
    late.watch()
    #expect(late.isWatched)
    try folder.write("late/a.pem", "1")
    #expect(late.drain())
  }

  /// Whether a look at all files has found another one.
  private func isOther() -> Bool {
    switch directory.look(at: 100) {
    case .changed: true
    case .same, .finished: false
    }
  }

  @Test(arguments: ["rewritten", "renamed over", "removed", "link turned"])
  func `a change behind a link is found by looking, and once`(change: String) throws {
    try folder.makeFolder("archive")
    for name in ["1", "2"] { try folder.write("archive/\(name).pem", name) }
    folder.remove("certificates/a/fullchain.pem")
    try folder.link("certificates/a/fullchain.pem", to: "../../archive/1.pem")
    try folder.link("certificates/b.pem", to: "../archive/1.pem")
    directory.watch()
    _ = directory.drain()
    #expect(!isOther())
    switch change {
    case "rewritten": try folder.write("archive/1.pem", "another")
    case "renamed over": try folder.rename("archive/2.pem", "archive/1.pem")
    case "removed": folder.remove("archive/1.pem")
    default:
      try folder.rename("archive", "before")
      try folder.makeFolder("archive")
      try folder.write("archive/1.pem", "1")
    }
    #expect(!directory.drain(), "the kernel does not tell of it")
    // Both links lead to the file.
    #expect(isOther())
    #expect(isOther())
    #expect(!isOther())
  }

  @Test func `a pair that comes without a word of the kernel is found by looking`() throws {
    #expect(!isOther())
    try folder.write("certificates/b.pem", "1")
    #expect(isOther())
    directory.watch()
    #expect(!isOther())
  }

  @Test func `a look takes as many files as it may, and the next one goes on`() throws {
    for number in 0..<5 { try folder.write("certificates/\(number).pem", "1") }
    directory.watch()
    // The directory, five files, a folder, and the two files of its pair.
    let looks = (0..<9).map { _ in directory.look(at: 1) }
    #expect(looks == [PollResult](repeating: .same, count: 8) + [.finished])
    #expect(directory.look(at: 8) == .same)
    #expect(directory.look(at: 8) == .finished)
  }
}
