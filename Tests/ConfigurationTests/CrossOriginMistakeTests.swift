import Testing

@testable import Configuration

@Suite("cors of routes")
struct CrossOriginMistakeTests {
  /// Each text is the value of `cors`.
  static let rules: [Mistake] = [
    Mistake("{}", "1:44: missing required key 'origins' in routes[0].cors"),
    Mistake("{ origins: [] }", "1:55: 'origins' must have at least one origin"),
    Mistake(
      "{ origins: [\"*\", \"https://a.org\"] }",
      "1:56: '*' in 'origins' is every origin: no other belongs beside it"),
    Mistake(
      "{ origins: \"*\", credentials: true }",
      "1:73: 'credentials: true' needs named origins: browsers refuse it together with '*'"),
    Mistake(
      "{ origins: [a.org, \"https://a.org/\", \"https://a.org:443\", \"null\", \"https://*\", \"http://a.org:0\"] }",
      "1:56: 'origins' must be origins such as https://app.example.org, found 'a.org'; did you mean"
        + " 'https://a.org'?",
      "1:63: 'origins' must be origins such as https://app.example.org, found 'https://a.org/'; no path"
        + " belongs here, not even a last '/'",
      "1:81: 'origins' must be origins such as https://app.example.org, found 'https://a.org:443'; did"
        + " you mean 'https://a.org'?",
      "1:102: 'origins' must be origins such as https://app.example.org, found 'null'; files and"
        + " sandboxed frames of anyone have it",
      "1:110: 'origins' must be origins such as https://app.example.org, found 'https://*'; did you"
        + " mean '*'?",
      "1:123: 'origins' must be origins such as https://app.example.org, found 'http://a.org:0'; the"
        + " port is a number from 1 to 65535"),
    Mistake(
      "{ origins: \"https://a.org\", methods: [put, \"*\"], headers: [\"X A\"], expose: [\"*\"] }",
      "1:82: 'methods' must be methods such as GET, found 'put'; did you mean 'PUT'?",
      "1:87: 'methods' must be methods such as GET, found '*'; name them: with cookies '*' is a method"
        + " of that name",
      "1:103: 'headers' must be field names, found 'X A'",
      "1:120: 'expose' must be field names, found '*'; name them: with cookies '*' is a field of that"
        + " name"),
    Mistake(
      "{ allow_origins: [\"https://a.org\"] }",
      "1:46: unknown key 'allow_origins' in routes[0].cors; 'origins' lists whose pages may read"
        + " answers"),
  ]

  @Test(arguments: rules)
  func `what browsers would not take is refused`(_ mistake: Mistake) {
    mistake.check("routes: [{ host: a.org, respond: {}, cors: \(mistake.text) }]")
  }
}
