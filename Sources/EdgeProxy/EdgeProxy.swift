internal import ArgumentParser

@main
struct EdgeProxy {
  static func main() {
    CrashReport.keepMemoryPrivate()
    Arguments.main()
  }
}
