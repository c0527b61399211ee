internal import EventLoop
internal import TLS

/// What the files of one pair came to when they were read.
struct PairReading: Sendable {
  /// Which file is to blame, and why.
  struct Failure: Error {
    let path: String
    let reason: String
  }

  let result: Result<Certificate, Failure>
  private let marks: [FileMark]
  /// SHA-256 of what was read; `nil` where something could not be read.
  private let digest: [UInt8]?
  /// Seconds since 1970.
  private let readAt: Int64

  /// Reads a pair; one that has the same bytes as `old` is not decoded again.
  init(_ place: CertificateDirectory.Place, old: PairReading?, _ tools: ParsingTools) {
    // A change after the marks were taken is found at the next look.
    marks = place.files.compactMap { FileMark($0) }
    readAt = WallTime.seconds
    switch CertificateDirectory.read(place) {
    case .failure(let failure):
      digest = nil
      result = .failure(Failure(path: failure.path, reason: "\(failure.error)"))
    case .success(let pair):
      let digest = Hash.sha256(
        Hash.sha256(pair.chain) + (pair.key.map { Hash.sha256($0) } ?? []))
      self.digest = digest
      if let old, old.digest == digest {
        result = old.result
        return
      }
      do throws(CertificateError) {
        result = .success(try Certificate(pem: pair.chain, keyPEM: pair.key, with: tools))
      } catch {
        result = .failure(Failure(path: pair.source, reason: "\(error)"))
      }
    }
  }

  /// Whether the files look as they did, and would not had they changed.
  func isCertain(of place: CertificateDirectory.Place) -> Bool {
    let files = place.files
    guard digest != nil, marks.count == files.count else { return false }
    return zip(marks, files).allSatisfy { mark, file in
      mark.isCertain(at: readAt) && FileMark(file) == mark
    }
  }
}
