internal import ArgumentParser
internal import CertStore
internal import Configuration
internal import EventLoop
internal import Glibc
internal import Migration

/// `edgeproxy import-apache`: prints a configuration that does what Apache's files say.
struct ImportApacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import-apache",
    abstract: "Print a configuration made of files of Apache.", discussion: ImportedFiles.discussion
  )

  @ParentCommand var root: Arguments
  @OptionGroup var given: ImportedFiles

  func validate() throws { try root.refuseServerOptions() }

  func run() throws { throw ExitCode(given.print(.apache)) }
}

/// `edgeproxy import-nginx`: prints a configuration that does what nginx's files say.
struct ImportNginxCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import-nginx",
    abstract: "Print a configuration made of files of nginx.", discussion: ImportedFiles.discussion)

  @ParentCommand var root: Arguments
  @OptionGroup var given: ImportedFiles

  func validate() throws { try root.refuseServerOptions() }

  func run() throws { throw ExitCode(given.print(.nginx)) }
}

/// The files that are imported.
struct ImportedFiles: ParsableArguments {
  static let discussion = """
    What has no counterpart becomes a comment with its file and line. Exits with 0 when a configuration \
    was printed, and with 1, and positions, when a file cannot be read.
    """

  @Argument(help: ArgumentHelp("The main file, or files of sites.", valueName: "file"))
  var files: [String]

  @Option(
    name: .customLong("root"),
    help: ArgumentHelp(
      "Where names of included files are looked up that do not begin with /; default: the folder of the"
        + " main file.",
      valueName: "directory"))
  var directory: String?

  func validate() throws {
    if files.contains(where: \.isEmpty) { throw ValidationError("A file has no name.") }
    if directory?.isEmpty == true { throw ValidationError("'--root' names no directory.") }
  }

  /// Prints the result; restrictions that are not in it, and what cannot be read, go to standard error.
  func print(_ language: Migration.Language) -> Int32 {
    let result = Migration.run(
      language, files.map(Self.absolute), root: directory.map(Self.absolute), source: Self.machine)
    for complaint in result.complaints { StandardError.write("\(complaint)\n") }
    for danger in result.dangers { StandardError.write("\(danger.warning)\n") }
    guard let text = result.text else { return 1 }
    Swift.print(text, terminator: "")
    return 0
  }

  private static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    // SAFETY: getcwd allocates the text, which is copied and freed here.
    guard let folder = unsafe getcwd(nil, 0) else { return path }
    defer { unsafe free(folder) }
    return unsafe "\(String(cString: folder))/\(path)"
  }

  /// The files and directories of this machine.
  private static var machine: MigrationSource {
    MigrationSource(
      read: { (path, bytesMax) throws(MigrationSource.Unreadable) in
        do throws(SystemError) {
          return try WholeFile.read(path, bytesMax: bytesMax)
        } catch {
          throw MigrationSource.Unreadable(reason: error.reason)
        }
      }, names: { path in (try? CertificateDirectory.list(path)) ?? [] })
  }
}
