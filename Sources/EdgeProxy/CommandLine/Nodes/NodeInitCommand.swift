internal import Calendar
internal import ArgumentParser
internal import TLS

/// `edgeproxy node init`: makes the authority of a fleet, once.
struct NodeInitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make the authority that vouches for the fleet's servers.",
    discussion: "Done once for a fleet. Then each server joins it with 'edgeproxy node join'.")

  @OptionGroup var file: ConfigurationFile

  @Flag(help: "Replace the authority that is there: every server has to join again.")
  var replace = false

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      _ = try session.sealingKeys()
      let old = try session.storedAuthority()
      guard old == nil || replace else {
        throw CommandFailure(
          "there is an authority already; '--replace' makes another, and every server has to join"
            + " again")
      }
      let name = "EdgeProxy fleet \(String(UTC.text(session.now).prefix(10)))"
      try session.store(try NodeAuthority.make(name: name, now: session.now), insteadOf: old)
      print("\(name)  stored; now 'edgeproxy node join' on each server")
    }
  }
}
