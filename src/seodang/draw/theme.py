"""The report's style sheet: light and dark, screen and paper, no font and no address from outside."""

from __future__ import annotations

STYLESHEET = """
:root {
  --paper: #ffffff; --ink: #1b1f24; --muted: #5b6470; --line: #e3e7ec; --soft: #f6f8fa;
  --link: #005a94; --for: #56b4e9; --against: #f2a65a; --warn: #d55e00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e8ebef; --muted: #a3adb8; --line: #30363d; --soft: #1c2127;
    --link: #7cc4f0; --for: #1f6f9f; --against: #a3541a; --warn: #f08a4b;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body {
  margin: 0 auto; padding: 3rem 1.5rem 6rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans KR", "Apple SD Gothic Neo",
    "Malgun Gothic", NanumGothic, sans-serif;
  -webkit-text-size-adjust: 100%;
}
header { border-bottom: 1px solid var(--line); padding-bottom: 1.25rem; margin-bottom: 1.5rem; }
h1 { font-size: 2.1rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0; overflow-wrap: anywhere; }
.subtitle { color: var(--muted); font-size: 1.05rem; margin: 0.5rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.4rem; line-height: 1.3; letter-spacing: -0.01em; margin: 3rem 0 0.75rem; overflow-wrap: anywhere; }
h3 { font-size: 1.1rem; margin: 2rem 0 0.5rem; overflow-wrap: anywhere; }
p { margin: 0.75rem 0; max-width: 46rem; overflow-wrap: anywhere; }
a { color: var(--link); text-underline-offset: 0.15em; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 3px; }
nav { background: var(--soft); border: 1px solid var(--line); border-radius: 10px; padding: 0.9rem 1.2rem; }
nav ol { list-style: none; margin: 0; padding: 0; columns: 16rem auto; column-gap: 2rem; }
nav li { break-inside: avoid; padding: 0.1rem 0; }
nav .level3 { padding-left: 1.1rem; font-size: 0.92rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
.note { border-left: 4px solid var(--warn); background: var(--soft); padding: 0.7rem 1rem; border-radius: 0 8px 8px 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: 0.75rem; margin: 1rem 0; }
.facts div { background: var(--soft); border: 1px solid var(--line); border-radius: 10px; padding: 0.65rem 0.9rem; }
.facts dt { color: var(--muted); font-size: 0.82rem; }
.facts dd { margin: 0.1rem 0 0; font-size: 1.1rem; font-weight: 600; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: 0.4rem; }
th, td { text-align: left; padding: 0.38rem 0.9rem 0.38rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; border-bottom-color: var(--muted); }
td { max-width: 36rem; overflow-wrap: break-word; }
th.number, td.number { text-align: right; padding-left: 0.9rem; white-space: nowrap; }
tbody tr:hover { background: var(--soft); }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: 0.8rem 1rem; overflow-x: auto; }
code { font: 0.9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono", monospace; }
figure { margin: 1.5rem 0; }
.picture {
  width: fit-content; max-width: 100%; background: #ffffff; border: 1px solid var(--line); border-radius: 10px;
  padding: 0.75rem; overflow-x: auto;
}
.picture svg, .picture img { display: block; max-width: 100%; height: auto; }
figcaption { color: var(--muted); font-size: 0.92rem; margin: 0.5rem 0; max-width: 46rem; }
summary { cursor: pointer; color: var(--link); font-size: 0.92rem; }
.words p { line-height: 2.1; max-width: none; background: var(--soft); border-radius: 10px; padding: 0.7rem 1rem; margin: 0; }
.for, .against { border-radius: 4px; padding: 0.12em 0.25em; }
.for { background: color-mix(in srgb, var(--for) var(--w), transparent); }
.against { background: color-mix(in srgb, var(--against) var(--w), transparent); }
.for.strong { text-decoration: underline 2px; text-underline-offset: 0.2em; }
.against.strong { text-decoration: underline dotted 2px; text-underline-offset: 0.2em; }
@media (max-width: 40rem) { body { padding: 1.5rem 1rem 4rem; } h1 { font-size: 1.6rem; } }
@media print {
  :root {
    --paper: #fff; --ink: #000; --muted: #444; --line: #ccc; --soft: #f6f8fa; --link: #000;
    --for: #56b4e9; --against: #f2a65a;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3 { break-after: avoid; }
  figure, tr, .facts div { break-inside: avoid; }
  nav a { color: inherit; }
  .scroll, .picture { overflow: visible; }
  .picture svg, .picture img { min-width: 0 !important; }
  .for, .against { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
