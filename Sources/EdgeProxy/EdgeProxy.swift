internal import ArgumentParser

@main
struct EdgeProxy {
  static func main() {
    CrashReport.keepMemoryPrivate()
    let words = Array(CommandLine.arguments.dropFirst())
    var command: any ParsableCommand
    do {
      command = try Arguments.parseAsRoot(words)
    } catch {
      Arguments.exit(withError: ArgumentHint.better(error, words))
    }
    do {
      try command.run()
    } catch {
      Arguments.exit(withError: error)
    }
  }
}
