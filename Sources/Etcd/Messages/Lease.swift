/// Asks for a lease, which keys can be tied to.
package struct LeaseGrantRequest: Equatable, Sendable {
  /// Seconds; etcd raises what is too short for it.
  package var seconds: Int64
  /// 0 lets etcd choose.
  package var id: Int64

  package init(seconds: Int64, id: Int64 = 0) {
    self.seconds = seconds
    self.id = id
  }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, seconds)
    writer.write(2, id)
    return writer.bytes
  }
}

package struct LeaseGrantResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  package var id: Int64 = 0
  package var seconds: Int64 = 0
  package var error = ""

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: id = try reader.signed()
      case 3: seconds = try reader.count()
      case 4: error = try reader.text()
      default: try reader.skip()
      }
    }
  }
}

/// Ends a lease and deletes its keys.
package struct LeaseRevokeRequest: Equatable, Sendable {
  package var id: Int64

  package init(id: Int64) { self.id = id }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, id)
    return writer.bytes
  }
}

package struct LeaseRevokeResponse: Equatable, Sendable {
  package var header = ResponseHeader()

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      default: try reader.skip()
      }
    }
  }
}

/// Lets a lease begin anew.
package struct LeaseKeepAliveRequest: Equatable, Sendable {
  package var id: Int64

  package init(id: Int64) { self.id = id }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, id)
    return writer.bytes
  }
}

package struct LeaseKeepAliveResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  package var id: Int64 = 0
  /// 0 where there is no such lease any more.
  package var seconds: Int64 = 0

  package var isAlive: Bool { seconds > 0 }

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: id = try reader.signed()
      case 3: seconds = try reader.count()
      default: try reader.skip()
      }
    }
  }
}
