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
      "1:1: the file must be a mapping of keys, found a list"),
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
      "1:7: the list opened here with '[' is not closed with ']'",
      "1:7: 'node' must be text, found a list"),
    Mistake(
      "node: {a: 2\nstate: /a",
      "1:7: the mapping opened here with '{' is not closed with '}'",
      "1:7: 'node' must be text, found a mapping"),
    Mistake(
      "node\nstate: /a",
      "1:1: the file must be a mapping of keys, found 'node state'",
      "2:6: ':' is not expected here; check the indentation, or put the text in quotes"),
    Mistake(
      "node: b: c",
      "1:8: ':' is not expected here; check the indentation, or put the text in quotes"),
    Mistake(
      "node: a\n  state: /b",
      "1:7: 'node' must be a name such as edge-1, found 'a state'",
      "2:8: ':' is not expected here; check the indentation, or put the text in quotes"),
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
      "1:8: not valid YAML: found unknown escape character"),
    Mistake(
      "%YAML 9.9\n---\nnode: a",
      "1:1: not valid YAML: found incompatible YAML document"),
    Mistake(
      "node: *x",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'",
      "1:7: aliases (*name) are not accepted; write the value out"),
    Mistake(
      "node: &x y",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'",
      "1:7: anchors (&name) are not accepted; write the value out"),
    Mistake(
      "node: !!str y",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'",
      "1:7: tags (!name) are not accepted"),
    Mistake(
      "{node: {{ name }}}",
      "1:2: missing required key 'upstreams'",
      "1:2: missing required key 'routes'",
      "1:8: 'node' must be text, found a mapping",
      "1:9: a key must be a word; does text with { or [ lack its quotes?"),
    Mistake(
      "? [a]\n: b",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'",
      "1:3: a key must be a word; does text with { or [ lack its quotes?"),
    Mistake(
      "node: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
      "1:7: 'node' must be text, found a list",
      "1:38: nested more than 32 deep"),
    Mistake(
      "nod: x\nstate: [\n",
      "1:1: unknown key 'nod'; did you mean 'node'?",
      "2:8: 'state' must be a path, found a list",
      "3:1: not valid YAML: did not find expected node content"),
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
