extension [AlignmentPicture] {
  /// The pictures as one self-contained HTML page, which asks for nothing from anywhere.
  ///
  /// Each has its sentences as lines of tokens and its alignment as a table of percentages, coloured as ``svg()`` colours
  /// them. Pointing at a target token, or reaching it by the keyboard, lights the source tokens that it looked at as
  /// strongly as it looked at them, and names the strongest; pointing at a source token lights the targets that looked at
  /// it. Without JavaScript the lines and the tables are there all the same.
  ///
  /// - Parameter title: the heading of the page
  public func html(title: String = "Alignment") -> String {
    let sections = enumerated().map { HTMLSection($1, number: $0 + 1).lines.joined(separator: "\n") }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta http-equiv="Content-Security-Policy" content="\(policy)"/>
      <title>\(PictureText.escaped(title))</title>
      <style>
      \(style)
      </style>
      </head>
      <body>
      <h1>\(PictureText.escaped(title))</h1>
      <p class="help" hidden="hidden">Point at a token, or go through those of the targets with the Tab key: what they \
      looked at lights up.</p>
      \(sections.joined(separator: "\n"))
      <script>
      \(script)
      </script>
      </body>
      </html>

      """
  }
}

/// One picture of the page. All of it is well-formed XML too, so that any parser can check it.
private struct HTMLSection {
  private let source: [String]
  private let target: [String]
  private let weights: [[Double]]
  private let number: Int

  init(_ picture: AlignmentPicture, number: Int) {
    source = picture.source.map { PictureText.escaped(PictureText.visible($0)) }
    target = picture.target.map { PictureText.escaped(PictureText.visible($0)) }
    weights = picture.weights.map { $0.map(AlignmentPicture.shown) }
    self.number = number
  }

  var lines: [String] {
    let heads = source.map { "<th scope=\"col\">\($0)</th>" }.joined()
    let rows = zip(target, weights).map { label, row in
      "<tr><th scope=\"row\">\(label)</th>\(row.map(cell).joined())</tr>"
    }
    return [
      "<section aria-label=\"sentence \(number)\">",
      "<p class=\"source\">\(source.map { "<span>\($0)</span>" }.joined(separator: " "))</p>",
      "<p class=\"target\">\(target.map { "<span tabindex=\"0\">\($0)</span>" }.joined(separator: " "))</p>",
      "<p class=\"said\" aria-live=\"polite\"></p>",
      "<div class=\"wide\"><table>",
      "<thead><tr><td></td>\(heads)</tr></thead>",
      "<tbody>",
    ] + rows + ["</tbody>", "</table></div>", "</section>"]
  }

  private func cell(_ weight: Double) -> String {
    let shade = HeatColour.isDark(weight) ? " class=\"dark\"" : ""
    let percent = Int((100 * weight).rounded())
    return "<td\(shade) style=\"background:\(HeatColour.hex(weight))\">\(percent)</td>"
  }
}

/// The page may use what it brings along, and nothing else.
private let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

private let style = """
  :root { color-scheme: light; }
  body { margin: 2rem; color: #1d1d1f; background: #ffffff; font: 16px/1.5 system-ui, sans-serif; }
  h1 { font-size: 1.25rem; }
  section { margin: 1.5rem 0; padding-top: 1rem; border-top: 1px solid #e5e5ea; }
  p { margin: 0.25rem 0; }
  .help, .said { color: #6e6e73; font-size: 0.85rem; }
  .said { min-height: 1.5em; }
  .source::before, .target::before { display: inline-block; width: 4rem; color: #6e6e73; font-size: 0.85rem; }
  .source::before { content: "source"; }
  .target::before { content: "target"; }
  .source span, .target span { display: inline-block; padding: 0 0.2rem; border-radius: 3px; unicode-bidi: isolate; }
  .target span { cursor: default; }
  .target span:focus-visible { outline: 2px solid #1d1d1f; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; font-size: 0.85rem; }
  th { font-weight: normal; padding: 0.2rem; }
  th[scope=col] { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
  th[scope=row] { text-align: right; white-space: nowrap; }
  tbody td { width: 1.7rem; min-width: 1.7rem; height: 1.7rem; padding: 0; border: 1px solid #e5e5ea;
    text-align: center; font-size: 0.7rem; color: transparent; }
  tbody tr:hover td { color: #1d1d1f; }
  .source span.dark, .target span.dark, tbody tr:hover td.dark { color: #ffffff; }
  @media print { tbody td { color: #1d1d1f; print-color-adjust: exact; } tbody td.dark { color: #ffffff; } }
  """

/// Reads the weights from the table: a token that is pointed at takes the colours of its row, or column, to the other side.
private let script = """
  document.querySelector(".help").hidden = false;
  for (const section of document.querySelectorAll("section")) {
    const all = (where, what) => [...where.querySelectorAll(what)];
    const sources = all(section, ".source span"), targets = all(section, ".target span");
    const rows = all(section, "tbody tr"), cells = rows.map(row => all(row, "td"));
    const said = section.querySelector(".said");
    let clear = () => {};
    const light = (token, others, weights) => {
      clear();
      others.forEach((other, i) => {
        other.style.background = weights[i].style.background;
        other.classList.toggle("dark", weights[i].classList.contains("dark"));
      });
      const strongest = others.map((other, i) => [Number(weights[i].textContent), other.textContent])
        .sort((a, b) => b[0] - a[0]).slice(0, 3).filter(([percent]) => percent > 0);
      said.textContent = token.textContent + ": " + strongest.map(([percent, text]) => text + " " + percent + " %").join(", ");
      clear = () => {
        others.forEach(other => { other.style.background = ""; other.classList.remove("dark"); });
        said.textContent = "";
      };
    };
    const target = t => () => light(targets[t], sources, cells[t]);
    const source = s => () => light(sources[s], targets, cells.map(row => row[s]));
    const leave = () => {
      const focused = targets.indexOf(document.activeElement);
      if (focused >= 0) target(focused)(); else clear();
    };
    const pointing = (element, show) => {
      element.addEventListener("mouseenter", show);
      element.addEventListener("mouseleave", leave);
    };
    targets.forEach((token, t) => {
      pointing(token, target(t));
      pointing(rows[t], target(t));
      token.addEventListener("focus", target(t));
      token.addEventListener("blur", () => clear());
    });
    sources.forEach((token, s) => pointing(token, source(s)));
  }
  """
