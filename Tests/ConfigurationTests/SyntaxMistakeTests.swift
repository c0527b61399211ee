import Testing

@testable import Configuration

@Suite("YAML as far as it is accepted")
struct SyntaxMistakeTests {
  /// Each text is a whole file.
  static let texts: [Mistake] = [
    Mistake(
      "",
      "1:1: nothing is configured here; 'upstreams' and 'routes' are required"),
    Mistake(
      "# nothing",
      "1:1: nothing is configured here; 'upstreams' and 'routes' are required"),
    Mistake(
      "~",
      "1:1: nothing is configured here; 'upstreams' and 'routes' are required"),
    Mistake(
      "abc",
      "1:1: the file must be a mapping of keys, found 'abc'"),
    Mistake(
      "[a]",
      "1:1: the file must be a mapping of keys, found a list; no '- ' is at its left: "
        + "it begins with keys such as 'upstreams:' and 'routes:'"),
    Mistake(
      "routes: 1\n---\nb: 1",
      "1:9: 'routes' must be a list, found '1'",
      "2:1: a second document begins here; one file holds one configuration"),
    Mistake(
      "upstreams:\n\ta: 1",
      "2:1: a tab; YAML is indented with spaces only"),
    Mistake(
      "node: \"x\nstate: /a",
      "1:7: the quotation mark opened here is never closed"),
    Mistake(
      "node: [1, 2\nstate: /a",
      "1:7: the list opened here with '[' is not closed with ']'"),
    Mistake(
      "node: {a: 2\nstate: /a",
      "1:7: the mapping opened here with '{' is not closed with '}'"),
    Mistake(
      "node\nstate: /a",
      "1:1: no ':' after this key"),
    Mistake(
      "node: b: c",
      "1:8: ':' is not expected here; check the indentation, or put the text in quotes"),
    Mistake(
      "node: a\n  state: /b",
      "2:3: this line begins further right than 'node' above; keys of one mapping "
        + "stand in one column"),
    Mistake(
      "routes:\n  - host: a.org\n   upstream: b",
      "3:4: the indentation fits no list above"),
    Mistake(
      "node: @x",
      "1:7: text cannot begin with '@'; put it in quotes"),
    Mistake(
      "node: `x`",
      "1:7: text cannot begin with '`'; put it in quotes"),
    Mistake(
      "node: %x",
      "1:7: text cannot begin with '%'; put it in quotes"),
    Mistake(
      "node: \"\\q\"",
      "1:8: '\\' and this character mean nothing within \"…\"; within '…' a '\\' is only "
        + "itself"),
    Mistake(
      "%YAML 9.9\n---\nnode: a",
      "1:1: not valid YAML: found incompatible YAML document"),
    Mistake(
      "node: *x",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'",
      "1:7: text that begins with '*' must stand in quotation marks; aliases are not "
        + "accepted"),
    Mistake(
      "node: &x y",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'",
      "1:7: text that begins with '&' must stand in quotation marks; anchors are not "
        + "accepted"),
    Mistake(
      "node: !!str y",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'",
      "1:7: text that begins with '!' must stand in quotation marks; tags are not "
        + "accepted"),
    Mistake(
      "{node: {{ name }}}",
      "1:2: missing required key 'upstreams'",
      "1:2: missing required key 'routes'",
      "1:9: a key must be a word; does text with { or [ lack its quotes?"),
    Mistake(
      "? [a]\n: b",
      "1:3: a key must be a word; does text with { or [ lack its quotes?"),
    Mistake(
      "node: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
      "1:7: 'node' must be text, found a list; one is taken here",
      "1:38: nested more than 32 deep"),
    Mistake(
      "nod: x\nstate: [\n",
      "1:1: unknown key 'nod'; did you mean 'node'?",
      "3:1: a value is missing here, or a '[' or '{' above is not closed"),
    Mistake(
      "upstreams: { a: { nods: [] } }\nroutes:\n  - host: x.org\n    upstream: b\n  - " + "\"",
      "1:19: unknown key 'nods' in upstreams.a; did you mean 'nodes'?",
      "5:5: the quotation mark opened here is never closed"),
  ]

  @Test(arguments: texts)
  func `text that is not one plain document is refused in words`(_ mistake: Mistake) {
    mistake.check(mistake.text)
  }
}
