internal import HTTPCore

/// Reads the hosts of a route: one, or a list of them.
struct RouteHostsReader {
  let context: ReadingContext

  func read(_ section: Section) -> [String] {
    if let value = section.collection("host"), value.isEmptyList {
      context.findings.error(value.position, "'host' must have at least one name")
    }
    var hosts: [String] = []
    for (text, position) in section.oneOrMore("host", HostPattern.expected) {
      guard let host = host(text, position) else { continue }
      if hosts.contains(host) {
        context.findings.error(
          position, "host '\(Found.shortened(host))' is twice in \(section.name)")
      } else {
        hosts.append(host)
      }
    }
    return hosts
  }

  private func host(_ text: String, _ position: Position) -> String? {
    if text == RouteSettings.everyHost {
      // No certificate has this name, and none is ordered for it.
      context.named.routed.hasCatchAll = true
      return text
    }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: "host", wildcard: true) {
      context.findings.error(position, mistake)
    }
    guard let normal = pattern.normal else { return nil }
    context.named.routed.hosts.append((normal, position))
    return normal
  }
}

extension Section {
  /// The texts under a key that is one text or a list of them, each with where it stands.
  func oneOrMore(_ key: String, _ expected: String) -> [(text: String, position: Position)] {
    guard let value = take(key).value else { return [] }
    guard case .list(let items) = value.content else {
      return context.text(value, key, expected).map { [($0, value.position)] } ?? []
    }
    return items.compactMap { item in
      context.text(item, key, expected).map { ($0, item.position) }
    }
  }
}

/// Finds routes between which no request could choose.
struct RoutePlaces {
  private struct Place: Hashable {
    var host: String
    var path: String
  }

  private struct Known {
    var conditions: RequestConditions?
    var line: Int
  }

  private let findings: Findings
  private var known: [Place: [Known]] = [:]

  init(findings: Findings) { self.findings = findings }

  /// Says which route was there before; once, however many hosts both have.
  mutating func add(_ route: RouteSettings, line: Int, at position: Position) {
    var isTold = false
    for host in route.hosts {
      let place = Place(host: host, path: route.path)
      let others = known[place, default: []]
      let twin = others.lazy.compactMap { other in
        Self.common(other.conditions, route.conditions).map { (other.line, $0) }
      }.first
      if let (line, what) = twin {
        if !isTold {
          findings.error(
            position,
            "duplicate route for host '\(host)'\(what(route.path)), first on line \(line)")
        }
        isTold = true
      } else {
        known[place, default: []].append(Known(conditions: route.conditions, line: line))
      }
    }
  }

  /// What requests both would take, as a part of the message; `nil` where one is chosen before the other.
  private static func common(
    _ left: RequestConditions?, _ right: RequestConditions?
  ) -> ((String) -> String)? {
    let (left, right) = (left ?? RequestConditions(), right ?? RequestConditions())
    guard left.fields == right.fields, left.query == right.query else { return nil }
    let conditions = left.count > 0 ? " with the same 'match'" : ""
    if left.methods.isEmpty, right.methods.isEmpty {
      return { " and path '\($0)'\(conditions)" }
    }
    guard let method = left.methods.first(where: right.methods.contains) else { return nil }
    let name = String(decoding: method, as: UTF8.self)
    return { ", path '\($0)' and method \(name)\(conditions)" }
  }
}
