/// Statuses by which requests are counted: those that there are, and the first digit of all others.
///
/// An application may answer with any three digits. So that no one can make ever more counters, a status
/// outside of `known` is counted by its first digit.
struct StatusCodes: Sendable {
  /// The registered ones that servers send, and our 499.
  static let known = [
    101, 200, 201, 202, 204, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404,
    405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426,
    428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511,
  ]
  /// First digits; 0 for requests that ended without a status, or with one that is none.
  static let classes = 0...5
  /// Room for all of them.
  static let placesMax = 64

  /// What a place is called in metrics: `503`, `5xx` for others of that kind, or `none`.
  static let names = classes.map { $0 == 0 ? "none" : "\($0)xx" } + known.map(String.init)

  /// The first digit of the statuses of a place.
  static func number(ofClass place: Int) -> Int {
    place < classes.count ? place : known[place - classes.count] / 100
  }

  /// An inline array would be copied as a whole with each look into it.
  private let places: [UInt8]

  init() {
    var places = [UInt8](repeating: 0, count: 1024)
    for status in 100..<600 { places[status] = UInt8(status / 100) }
    for (index, status) in Self.known.enumerated() {
      places[status] = UInt8(Self.classes.count + index)
    }
    self.places = places
  }

  /// Below `placesMax`, for any number.
  func place(of status: Int) -> Int { Int(places[status & 1023]) & (Self.placesMax - 1) }
}
