import Testing

@testable import Migration

@Suite("Files of nginx")
struct NginxReaderTests {
  private static func read(
    _ text: String, files: [String: String] = [:], directories: [String: [String]] = [:]
  ) -> (statements: [Statement], complaints: [String]) {
    let source = SourceFiles(
      source: Importing.source(text, files: files, directories: directories), root: "/etc/other")
    let start = Place(file: Importing.main, line: 1, column: 1)
    let statements = NginxReader.read(Importing.main, from: start, source)
    return (statements, source.complaints.map(\.description))
  }

  private static func words(_ text: String) -> [String] {
    read(text).statements.flatMap { [$0.name] + $0.arguments }
  }

  @Test(arguments: [
    ("a b  c;", ["a", "b", "c"]), ("a\n\tb # c;\n;", ["a", "b"]),
    (#"a "b c" 'd "e"';"#, ["a", "b c", "d \"e\""]),
    (#"a "b \" c" d\ e;"#, ["a", "b \" c", "d\\ e"]),
    ("a ${b}c$d;", ["a", "${b}c$d"]), (#"a ^/x\.y$ "\n";"#, ["a", #"^/x\.y$"#, "\n"]),
    (#"a "" b#c;"#, ["a", "", "b#c"]), ("a;b;", ["a", "b"]),
  ])
  func `words are taken as nginx takes them`(text: String, words: [String]) {
    #expect(Self.words(text) == words)
  }

  @Test func `a block has its directives, and each has its place`() {
    let found = Self.read("http {\n  server {\n    listen 80;\n  }\n}\n").statements
    #expect(found.map(\.name) == ["http"])
    let server = found.first?.block?.first
    #expect(server?.block?.map(\.text) == ["listen 80"])
    #expect(server?.block?.first?.place == Place(file: Importing.main, line: 3, column: 5))
  }

  @Test func `included files stand in the place of the line, in the order of their names`() {
    let read = Self.read(
      "a; include conf.d/*.conf; include b.conf; include uwsgi_params;",
      files: [
        "/etc/other/conf.d/2.conf": "c;", "/etc/other/conf.d/1.conf": "b;",
        "/etc/other/b.conf": "d;",
      ], directories: ["/etc/other/conf.d": ["2.conf", "1.conf", ".hidden.conf", "x.txt"]])
    #expect(read.statements.map(\.name) == ["a", "b", "c", "d"])
    #expect(read.complaints == [])
  }

  @Test(arguments: [
    ("server {\n", "1:1: '{' is never closed by '}'"), ("a;\n}", "2:1: '}' closes nothing"),
    ("a b", "1:1: no ';' ends 'a'"),
    ("a \"b;", "1:3: the quotation mark opened here is never closed"),
    ("a;\ninclude main.conf;", "2:1: '/etc/other/main.conf' includes itself"),
    ("include b.conf;", "1:1: '/etc/other/b.conf' cannot be read: No such file or directory"),
  ])
  func `what cannot be read is told with its position`(text: String, line: String) {
    #expect(Self.read(text).complaints.first == "\(Importing.main):\(line)")
  }

  @Test func `blocks that never end and programs within them take no more than the file`() {
    #expect(
      Self.read(String(repeating: "a { ", count: 10_000)).complaints.contains {
        $0.hasSuffix("blocks are nested more than 32 deep")
      })
    let program = "location / { content_by_lua_block { if x then y = {} end } } a;"
    #expect(Self.read(program).statements.map(\.name) == ["location", "a"])
  }

  @Test func `more directives than anybody writes are told once and left out`() {
    let read = Self.read(String(repeating: "a;\n", count: 20_100))
    #expect(read.statements.count == 20_000)
    #expect(read.complaints.count == 1)
  }
}

@Suite("Files of Apache")
struct ApacheReaderTests {
  private static func read(
    _ text: String, files: [String: String] = [:], directories: [String: [String]] = [:]
  ) -> (texts: [String], complaints: [String]) {
    let source = SourceFiles(
      source: Importing.source(text, files: files, directories: directories), root: "/etc/other")
    let statements = ApacheReader.read(
      Importing.main, from: Place(file: Importing.main, line: 1, column: 1), source, .init())
    return (statements.map(\.text), source.complaints.map(\.description))
  }

  @Test(arguments: [
    ("A b \"c d\" 'e f'", ["A b c d e f"]), ("  # A\nB \\\n  c\n", ["B c"]),
    ("Define X y\nA ${X}${Z}\n", ["A y${Z}"]),
    ("A ${APACHE_LOG_DIR}/a.log", ["A /var/log/apache2/a.log"]),
    ("<IfModule mod_x.c>\nA\n</IfModule>\n<IfModule !mod_x.c>\nB\n</IfModule>", ["A"]),
    ("<IfDefine X>\nA\n</IfDefine>\nDefine X\n<IfDefine X>\nB\n</IfDefine>", ["B"]),
    ("<IfModule !x>\n<Location />\nA\n</Location>\n</IfModule>\nB", ["B"]),
    ("A\r\nB\r\n", ["A", "B"]), (#"A "b \" c""#, [#"A b " c"#]),
  ])
  func `lines are taken as Apache takes them`(text: String, texts: [String]) {
    let read = Self.read(text)
    #expect(read.texts == texts)
    #expect(read.complaints == [])
  }

  @Test func `optional files may be missing, and others are told`() {
    let read = Self.read("IncludeOptional a/*.conf\nIncludeOptional b.conf\nInclude c.conf\nA")
    #expect(read.texts == ["A"])
    #expect(
      read.complaints == [
        "\(Importing.main):3:1: '/etc/other/c.conf' cannot be read: No such file or directory"
      ])
  }

  @Test func `a variable that doubles itself again and again stays small`() {
    let lines = (0..<64).map { _ in "Define X ${X}${X}" }.joined(separator: "\n")
    #expect(Self.read("Define X aaaaaaaa\n\(lines)\nA ${X}").texts.count == 1)
  }

  @Test func `sections that do not fit are told with their position`() {
    #expect(
      Self.read("<Location />\nA\n</Directory>\n").complaints == [
        "\(Importing.main):3:1: </directory> closes nothing that is open here",
        "\(Importing.main):1:1: <location> is never closed by </location>",
      ])
  }
}

@Suite("Patterns of file names")
struct GlobTests {
  @Test(arguments: [
    ("*.conf", "a.conf", true), ("*.conf", "a.conf.bak", false), ("a?c", "abc", true),
    ("[0-9]*", "5x", true), ("[!0-9]*", "5x", false), ("*a*b", "xaybz", false), ("*", "", true),
    ("[", "[", true), ("a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
  ])
  func `names fit as a shell has it`(pattern: String, name: String, fits: Bool) {
    #expect(Glob(pattern).matches(name) == fits)
  }
}
