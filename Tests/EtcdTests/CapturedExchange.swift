import Etcd
import TestSupport
import Testing

/// One side of an exchange captured from etcd 3.4.23: see Tests/Vectors/README.md.
func captured(_ name: String) throws -> [UInt8] {
  try #require(RepositoryFiles.read("Tests/Vectors/etcd-grpc-\(name).bin"))
}

/// The messages of one side of a captured exchange.
func messages(_ name: String) throws -> [[UInt8]] {
  var framer = MessageFramer()
  let messages = try framer.receive(captured(name))
  try #require(framer.isBetweenMessages)
  return messages
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// What the captured store calls itself.
let capturedCluster: UInt64 = 12_101_053_776_118_486_841
let capturedMember: UInt64 = 15_985_099_378_392_235_387
