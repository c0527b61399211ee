internal import ArgumentParser

@main
struct EdgeProxy {
  static func main() { Arguments.main() }
}
