internal import EventLoop
internal import Logging

/// Sending clients away: for good, or until an administrator puts the server back.
extension Server {
  /// Closes the port first and at once, then lets what is under way finish; the process ends with it.
  func drain() {
    guard !draining.isEnding else { return }
    draining.end(until: loop.now + configuration.timeouts.drain)
    ability.isDraining = true
    service.stopping()
    tickets?.end()
    orders.end()
    fleet?.ports?.end()
    logger.notice("draining")
    ports.step(ability, workers: workers.handles, now: loop.now)
    tellAbility()
    tellReachable()
    drainWorkers()
  }

  /// The same, but the process stays until it is put back; returns what there is to be said.
  func setAside() -> String {
    guard !ability.isDraining else { return drainState }
    draining.setAside(until: loop.now + configuration.timeouts.drain)
    let counts = fleet?.ports?.counts
    let isLast = counts.map { $0.closing + 1 >= $0.servers } ?? false
    logger.notice("taken out by an administrator")
    if isLast { logger.warning("no other server of the fleet is open") }
    service.tell("taken out")
    step()
    ports.setAside()
    drainWorkers()
    return isLast ? "draining; no other server of the fleet is open" : "draining"
  }

  /// Puts this server back; `false` where nobody had taken it out.
  func putBack() -> Bool {
    guard draining.isSetAside else { return false }
    draining.undo()
    logger.notice("put back by an administrator")
    workers.post { $0.undrain() }
    step()
    ports.openSessions(workers.handles)
    openPeers()
    service.ready(listeners.summary)
    return true
  }

  private func drainWorkers() {
    let (handle, generation) = (loop.handle, draining.generation)
    workers.drain {
      handle.post { loop in (loop.owner as? Server)?.workerDrained(generation) }
    }
  }

  private func workerDrained(_ generation: Int) {
    guard generation == draining.generation, workers.drained() else { return }
    if draining.isEnding { return loop.stop() }
    draining.finished()
    logger.notice("drained")
  }

  func drainTimedOut() {
    logger.warning("drain took too long, what is left is cut")
    if draining.isEnding { return loop.stop() }
    draining.finished()
    workers.post { $0.cutAll() }
  }

  /// In a word or two.
  var drainState: String {
    if draining.isDrained { return "drained" }
    return ability.isDraining ? "draining, \(workers.openCount) connections left" : "serving"
  }
}
