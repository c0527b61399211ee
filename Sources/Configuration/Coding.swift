internal import HTTPCore

/// What codings are called in the file.
enum Coding {
  static let words = ["br", "zstd", "gzip"]
  static let named: [String: ContentCoding] = ["br": .brotli, "zstd": .zstd, "gzip": .gzip]

  /// What is said to another word.
  static func hint(_ word: String) -> String {
    switch word.lowercased() {
    case "brotli": Found.meant("br")
    case "zstandard", "zst": Found.meant("zstd")
    case "gz", "x-gzip": Found.meant("gzip")
    case "deflate": "; browsers understand two things by it, and each of them knows gzip"
    case "identity": "; what is not compressed is always possible"
    default: Suggestion.text(for: word, among: words)
    }
  }
}
