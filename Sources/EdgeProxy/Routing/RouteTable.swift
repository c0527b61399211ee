internal import CertStore
internal import Configuration
internal import HTTPCore

/// Finds the route of a request by host and path, and by its conditions, without allocating.
///
/// Among the routes that match, an exact host beats a wildcard, a wildcard the catch-all and, under one
/// host pattern, the longer path the shorter. A request that no path of its exact host matches falls to
/// the routes of the wildcard that covers the host: a route for `billing.example.org/api/` takes that
/// path out of `*.example.org` and leaves it the rest. Under one path more conditions beat fewer, and
/// only among equally many does the order in the configuration matter.
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
    /// The group of the wildcard that covers this exact host, or of the catch-all; -1 for none.
    var fallback = -1
  }

  private struct Entry: Sendable {
    /// Where the path stands in `paths`.
    let start: Int
    let count: Int
    let route: Int
  }

  /// What a request with conditions in its way has come to.
  enum Choice: Equatable {
    case route(Int)
    /// These have its host and path, and take other methods.
    case otherMethods([Int])
    case none
  }

  /// The groups by host pattern.
  private let hosts: NameTable<Int>
  private let groups: [Group]
  private let entries: [Entry]
  /// All paths, one after the other: flat memory that workers share without counting references.
  private let paths: [UInt8]
  /// The group of the catch-all; -1 for none.
  private let everyHost: Int
  /// Those of each route, and not beside its entries, which a look-up without conditions copies.
  private let conditions: [RequestConditions?]
  /// Some routes take not every request of their host and path.
  let hasConditions: Bool

  /// There is a route for hosts that no other route has.
  var hasCatchAll: Bool { everyHost >= 0 }

  /// The first of two routes with the same host and path wins; the configuration refuses such
  /// routes.
  init(_ routes: [RouteSettings]) {
    var groups: [Group] = []
    var entries: [Entry] = []
    var paths: [UInt8] = []
    var names: [(name: [UInt8], value: Int)] = []
    var everyHost = -1
    let pairs = routes.indices.flatMap { route in routes[route].hosts.map { ($0, route) } }
    let byHost = Dictionary(grouping: pairs, by: \.0)
    for (host, members) in byHost.sorted(by: { $0.key < $1.key }) {
      let start = entries.count
      for route in Self.ranked(members.map(\.1), routes) {
        let path = Array(routes[route].path.utf8)
        entries.append(Entry(start: paths.count, count: path.count, route: route))
        paths += path
      }
      // The name is no name, and no host may be taken for it.
      if host == RouteSettings.everyHost {
        everyHost = groups.count
      } else {
        names.append((Array(host.utf8), groups.count))
      }
      groups.append(Group(start: start, end: entries.count))
    }
    hosts = NameTable(names)
    for (name, group) in names {
      groups[group].fallback = everyHost
      guard name.first != UInt8(ascii: "*"), let dot = name.firstIndex(of: UInt8(ascii: "."))
      else { continue }
      let wildcard = [UInt8(ascii: "*")] + name[dot...]
      groups[group].fallback = hosts.exact(wildcard.span) ?? everyHost
    }
    self.everyHost = everyHost
    self.groups = groups
    self.entries = entries
    self.paths = paths
    conditions = routes.map(\.conditions)
    hasConditions = routes.contains { $0.conditions != nil }
  }

  /// The order in which the routes of one host are asked.
  private static func ranked(_ members: [Int], _ routes: [RouteSettings]) -> [Int] {
    func rank(_ route: Int) -> (Int, Int, Int, Int) {
      let conditions = routes[route].conditions
      return (
        -routes[route].path.utf8.count, -(conditions?.count ?? 0),
        conditions?.methods.isEmpty ?? true ? 1 : 0, route
      )
    }
    return members.sorted { rank($0) < rank($1) }
  }

  /// Whether no route but the catch-all is for a host.
  func isCaught(_ host: borrowing Span<UInt8>) -> Bool {
    everyHost >= 0 && hosts.lookup(host) == nil
  }

  /// The index of the request's route among `Configuration.routes`, where none has conditions.
  func lookup(host: borrowing Span<UInt8>, path: borrowing Span<UInt8>) -> Int? {
    var group = hosts.lookup(host) ?? everyHost
    while group >= 0 {
      for index in groups[group].start..<groups[group].end
      where matches(entries[index], path) {
        return entries[index].route
      }
      group = groups[group].fallback
    }
    return nil
  }

  /// The same where some have conditions, which `fit` judges.
  ///
  /// Where only methods are in the way, the request is not left to a shorter path or to another host
  /// pattern: it would reach by another way what this one keeps from it.
  func choose(
    host: borrowing Span<UInt8>, path: borrowing Span<UInt8>,
    _ fit: (RequestConditions) -> RequestConditions.Fit
  ) -> Choice {
    var others: [Int] = []
    var group = hosts.lookup(host) ?? everyHost
    while group >= 0 {
      var length = 0
      for index in groups[group].start..<groups[group].end
      where matches(entries[index], path) {
        let entry = entries[index]
        if !others.isEmpty, entry.count != length { return .otherMethods(others) }
        length = entry.count
        guard let conditions = conditions[entry.route] else { return .route(entry.route) }
        switch fit(conditions) {
        case .fits: return .route(entry.route)
        case .otherMethod: others.append(entry.route)
        case .fitsNot: break
        }
      }
      if !others.isEmpty { return .otherMethods(others) }
      group = groups[group].fallback
    }
    return .none
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
