extension RouteSettings {
  /// What metrics and status call the route: the host, and the path unless it covers everything.
  package var label: String { path == "/" ? name : name + path }
}
