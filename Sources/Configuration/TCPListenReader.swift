internal import EventLoop

/// Reads where connections come in that are passed on as they are.
struct TCPListenReader {
  let context: ReadingContext
  let upstreams: NamedUpstreams

  /// `taken` are the other listeners.
  func read(_ listen: Section, taken: [SocketAddress]) -> [TCPListenSettings] {
    let (_, value) = listen.take("tcp")
    var seen: [SocketAddress: Int] = [:]
    var listeners: [TCPListenSettings] = []
    for (section, _) in listen.items(of: value, "tcp") {
      let upstream = upstream(section)
      guard let (address, position) = address(section) else { continue }
      if let line = seen.updateValue(position.line, forKey: address) {
        context.findings.error(
          position, "'\(address)' is listened at twice, first on line \(line)")
      } else if taken.contains(address) {
        context.findings.error(position, "'\(address)' is listened at already")
      }
      if !address.isLocal {
        context.findings.warning(
          position,
          "'\(address)' can be reached from other machines, and nobody is asked who they are;"
            + " 127.0.0.1 is for this one alone")
      }
      listeners.append(TCPListenSettings(address: address, upstream: upstream))
    }
    return listeners
  }

  private func address(_ section: Section) -> (SocketAddress, Position)? {
    guard let value = section.take("address").value else { return nil }
    let reader = AddressReader(context: context)
    guard let address = reader.read(value, "address") else { return nil }
    guard address.port != 0 else {
      context.findings.error(value.position, "'address' must have a port of 1 to 65535, found 0")
      return nil
    }
    context.named.listeners.append((address, value.position))
    return (address, value.position)
  }

  private func upstream(_ section: Section) -> Int {
    guard let index = upstreams.find("upstream", in: section, context) else { return -1 }
    let settings = upstreams.settings[index]
    if settings.nodeProtocol != .tcp {
      context.findings.error(
        section.position(of: "upstream"),
        "upstream '\(settings.name)' in \(section.name) must be of protocol tcp, found"
          + " \(settings.nodeProtocol.rawValue)")
    }
    return index
  }
}
