internal import CertStore
internal import DNSCore

/// The file of a key that updates are signed with.
enum UpdateKey {
  /// Reads it; each time it is needed, so that another key needs no restart.
  static func read(
    _ path: String, name: DNSName, algorithm: TSIGAlgorithm
  ) throws(RecordFailure) -> TSIGKey {
    let text: [UInt8]
    do throws(KeyFileError) {
      text = try KeyFile.text(of: path, bytesMax: TSIGKey.fileBytesMax)
    } catch {
      throw RecordFailure(description: "the TSIG key file '\(path)': \(error)")
    }
    do throws(TSIGKeyError) {
      return try TSIGKey(name: name, algorithm: algorithm, file: text)
    } catch {
      throw RecordFailure(description: "the TSIG key file '\(path)', key '\(name)': \(error)")
    }
  }
}
