/// What the operator has to know about one directive: it stands as a comment where its subject is.
struct Remark: Equatable {
  var place: Place
  /// The directive, as far as it fits in a line.
  var directive: String
  var advice: String

  init(_ statement: Statement, _ advice: String) {
    place = statement.place
    directive = statement.text
    self.advice = advice
  }

  var text: String { "\(place.short): \(directive): \(advice)" }
}

/// What is said about the import as a whole, at the head of the result.
final class Notes {
  /// Lines of text with the places that each is about, in the order of finding.
  struct Grouped {
    private(set) var texts: [String] = []
    private var places: [String: [Place]] = [:]
    private var known: [String: Set<Place>] = [:]

    mutating func add(_ text: String, _ place: Place) {
      if places[text] == nil { texts.append(text) }
      guard known[text, default: []].insert(place).inserted else { return }
      places[text, default: []].append(place)
    }

    func places(of text: String) -> [Place] { places[text] ?? [] }
  }

  /// Directives that need nothing here, by name.
  private(set) var needless = Grouped()
  /// What is different for several directives at once.
  private(set) var general = Grouped()
  /// Restrictions that could not be kept: what they were about may be open now.
  private(set) var dangers: [Remark] = []
  private var dangerous: Set<Place> = []

  func needless(_ statement: Statement) { needless.add(statement.written, statement.place) }

  func general(_ place: Place, _ text: String) { general.add(text, place) }

  func danger(_ statement: Statement, _ advice: String) {
    if dangerous.insert(statement.place).inserted { dangers.append(Remark(statement, advice)) }
  }
}
