/// What the control thread tells a worker of nodes and of sites.
extension Worker {
  /// Takes over the applications that have announced themselves.
  func install(_ tables: [ApplicationTable?]) {
    snapshot.install(tables)
    door.forgetNodes()
  }

  /// Takes over which sites are taken out; requests that waited for one that is back go on.
  func install(_ table: SiteTable?) { sites.install(table) }

  /// Operators let nodes have other requests than before: those that wait for one may go on.
  func standingsChanged() { snapshot.releaseHeld() }
}
