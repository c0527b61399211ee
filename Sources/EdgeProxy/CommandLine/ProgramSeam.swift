/// Where the command line hands over to the server.
enum Program {
  static func run(
    _ configuration: Configuration, workers: Int, loader: @escaping () -> Configuration?
  ) throws {
    print(configuration)
  }
}
