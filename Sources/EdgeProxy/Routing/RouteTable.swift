internal import CertStore
internal import Configuration

/// Finds the route of a request by host and path, without allocating.
///
/// Among the routes that match, an exact host beats a wildcard and, under one host pattern, the
/// longer path beats the shorter; their order in the configuration never matters. A request that no
/// path of its exact host matches falls to the routes of the wildcard that covers the host: a route
/// for `billing.example.org/api/` takes that path out of `*.example.org` and leaves it the rest.
///
/// Hosts come normalised (`HostName`), paths decoded and without dot segments. Paths are compared
/// by bytes. A route's path matches by the rule of RFC 6265 §5.1.4: it is the request's path, or
/// the beginning of it up to a `/`. So `/api` covers `/api` and `/api/x` and not `/apix`, and
/// `/api/` does not cover `/api`.
struct RouteTable: Sendable {
  /// The routes of one host pattern, longest path first, in `entries[start..<end]`.
  private struct Group: Sendable {
    let start: Int
    let end: Int
    /// The group of the wildcard that covers this exact host; -1 for none.
    var fallback = -1
  }

  private struct Entry: Sendable {
    /// Where the path stands in `paths`.
    let start: Int
    let count: Int
    let route: Int
  }

  /// The groups by host pattern.
  private let hosts: NameTable<Int>
  private let groups: [Group]
  private let entries: [Entry]
  /// All paths, one after the other: flat memory that workers share without counting references.
  private let paths: [UInt8]

  /// The first of two routes with the same host and path wins; the configuration refuses such
  /// routes.
  init(_ routes: [RouteSettings]) {
    var groups: [Group] = []
    var entries: [Entry] = []
    var paths: [UInt8] = []
    var names: [(name: [UInt8], value: Int)] = []
    let byHost = Dictionary(grouping: routes.indices) { routes[$0].host }
    for (host, members) in byHost.sorted(by: { $0.key < $1.key }) {
      let start = entries.count
      let longestFirst = members.sorted { left, right in
        let lengths = (routes[left].path.utf8.count, routes[right].path.utf8.count)
        return lengths.0 == lengths.1 ? left < right : lengths.0 > lengths.1
      }
      for route in longestFirst {
        let path = Array(routes[route].path.utf8)
        entries.append(Entry(start: paths.count, count: path.count, route: route))
        paths += path
      }
      names.append((Array(host.utf8), groups.count))
      groups.append(Group(start: start, end: entries.count))
    }
    hosts = NameTable(names)
    for (name, group) in names where name.first != UInt8(ascii: "*") {
      guard let dot = name.firstIndex(of: UInt8(ascii: ".")) else { continue }
      let wildcard = [UInt8(ascii: "*")] + name[dot...]
      groups[group].fallback = hosts.exact(wildcard.span) ?? -1
    }
    self.groups = groups
    self.entries = entries
    self.paths = paths
  }

  /// The index of the request's route among `Configuration.routes`.
  func lookup(host: borrowing Span<UInt8>, path: borrowing Span<UInt8>) -> Int? {
    guard let first = hosts.lookup(host) else { return nil }
    var group = first
    while group >= 0 {
      for index in groups[group].start..<groups[group].end
      where matches(entries[index], path) {
        return entries[index].route
      }
      group = groups[group].fallback
    }
    return nil
  }

  private func matches(_ entry: Entry, _ path: borrowing Span<UInt8>) -> Bool {
    let slash = UInt8(ascii: "/")
    // `/` covers everything, the `*` of OPTIONS too.
    if entry.count == 1, paths[entry.start] == slash { return true }
    guard entry.count > 0, path.count >= entry.count else { return false }
    guard
      path.count == entry.count || path[entry.count] == slash
        || paths[entry.start + entry.count - 1] == slash
    else { return false }
    for offset in 0..<entry.count where paths[entry.start + offset] != path[offset] {
      return false
    }
    return true
  }
}
