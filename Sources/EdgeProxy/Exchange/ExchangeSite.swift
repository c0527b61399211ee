internal import EventLoop

/// Requests for sites that an operator has taken out.
extension Exchange {
  /// Until when clients are told to stay away, where nobody has said when it ends.
  private static let awaySeconds: Int64 = 60
  /// The least and the most that they are told.
  private static let awayBounds: ClosedRange<Int64> = 10...86_400

  /// Why the request is answered with a page; `nil` where its site is served, or only paused.
  func refusalBySite(_ table: SiteTable) -> LocalReason? {
    guard let entry = entry(in: table), !entry.isPaused else { return nil }
    return .siteAway("maintenance", seconds: Self.seconds(entry))
  }

  /// The whole request is there; `true` where it waits for its site to come back, or has been told that it is away.
  ///
  /// Nothing of it has been sent, so nothing is lost and nothing done twice, however long it waits.
  func waitsForSite(_ table: SiteTable, hasBegun: Bool) -> Bool {
    guard let entry = entry(in: table) else { return false }
    guard entry.isPaused else {
      answerLocally(.siteAway("maintenance", seconds: Self.seconds(entry)))
      return true
    }
    let until = worker.loop.now + (upstream?.settings.hold ?? .zero)
    guard worker.sites.pause(self, until: until) else {
      worker.counters.refused(.held)
      answerLocally(.siteAway("pause-full", seconds: Self.seconds(entry)))
      return true
    }
    stage = .waiting(for: .site(until: until, hasBegun: hasBegun))
    return true
  }

  /// A request that waited for a node could go on; nothing of it has been sent, so it is as new as one that comes
  /// now.
  func staysForSite(_ table: SiteTable) -> Bool {
    switch stage {
    case .waiting(for: .instance), .waiting(for: .slot):
      tries.sent == 0 && waitsForSite(table, hasBegun: true)
    case .waiting(for: .site), .receiving, .trying, .answering, .done: false
    }
  }

  /// What is ordered may be something else now, or it is the request's turn; `true` where it goes on.
  func siteIsBack(_ until: Instant, hasBegun: Bool) -> Bool {
    guard let entry = worker.sites.table.flatMap(entry) else {
      guard worker.sites.mayLeave(self) else { return false }
      // The application may have become another one meanwhile; `released` looks too.
      if !hasBegun, let route = destination?.route, let found = findUpstream(route) {
        destination?.upstream = found
      }
      return true
    }
    if entry.isPaused {
      worker.sites.pauseAgain(self, until: until)
    } else {
      answerLocally(.siteAway("maintenance", seconds: Self.seconds(entry)))
    }
    return false
  }

  /// It has waited as long as it may.
  func siteStaysAway() {
    let seconds = worker.sites.table.flatMap(entry).map(Self.seconds)
    answerLocally(.siteAway("pause-timeout", seconds: seconds ?? Int(Self.awayBounds.lowerBound)))
  }

  private func entry(in table: SiteTable) -> SiteTable.Entry? {
    let host = request.head.host
    return table.find(host.span)
  }

  private static func seconds(_ entry: SiteTable.Entry) -> Int {
    let left = entry.until.map { $0 - WallTime.seconds } ?? awaySeconds
    return Int(min(max(left, awayBounds.lowerBound), awayBounds.upperBound))
  }
}
