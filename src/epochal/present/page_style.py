"""How a page of HTML looks: light and dark as the reader has it, on screens and on paper."""

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1c1e21; --soft: #5b626d;
  --line: #d9dde3; --card: #f5f6f8; --link: #0b57a8; --good: #0b6b3a; --bad: #a3261b;
  --plain: #5b626d; }
@media (prefers-color-scheme: dark) { :root { --back: #111418; --text: #e6e8eb; --soft: #a3abb6;
  --line: #343b45; --card: #1a1f26; --link: #7db8f5; --good: #6fd29a; --bad: #ff9a8c;
  --plain: #a3abb6; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; } footer { padding: 2rem 1.25rem 3rem; color: var(--soft); }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; padding-top: 1rem; overflow-wrap: anywhere;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; overflow-wrap: anywhere; }
p { max-width: 48rem; margin: .6rem 0; overflow-wrap: anywhere; } li { max-width: 48rem; }
a { color: var(--link); overflow-wrap: anywhere; }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--back); padding: .5rem 1rem; z-index: 1; }
.soft { color: var(--soft); } .lead { font-size: 1.05rem; }
.verdict { border-left: 4px solid var(--plain); background: var(--card); padding: .7rem 1rem;
  margin: .7rem 0; max-width: 52rem; border-radius: 0 6px 6px 0; overflow-wrap: anywhere; }
.verdict b { display: block; text-transform: uppercase; letter-spacing: .06em; font-size: .78rem;
  color: var(--plain); }
.verdict.better { border-color: var(--good); } .verdict.better b { color: var(--good); }
.verdict.worse { border-color: var(--bad); } .verdict.worse b { color: var(--bad); }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
caption { text-align: left; color: var(--soft); padding: 0 0 .4rem; }
th, td { padding: .38rem .8rem; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { font-weight: 600; }
td, th { max-width: 26rem; overflow-wrap: anywhere; } td.r, th.r { text-align: right; }
td.r { white-space: nowrap; }
thead th { border-bottom: 2px solid var(--soft); white-space: nowrap; }
tbody th { font-weight: 400; min-width: 7rem; }
figure { margin: 1rem 0; flex: 0 1 auto; } figcaption { color: var(--soft); font-size: .9rem;
  margin-top: .5rem; max-width: 48rem; overflow-wrap: anywhere; }
figure img { display: block; width: 100%; height: auto; background: #ffffff; border-radius: 6px;
  border: 1px solid var(--line); }
.figures { display: flex; flex-wrap: wrap; gap: 0 2.2rem; align-items: flex-start; }
nav a { margin-right: 1.1rem; } .files { font-size: .93rem; }
.files a { margin-right: .9rem; white-space: nowrap; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .7rem 1rem; overflow-x: auto; font-size: .86rem; line-height: 1.45;
  white-space: pre-wrap; overflow-wrap: anywhere; max-width: 60rem; }
details { border: 1px solid var(--line); border-radius: 6px; padding: 0 1rem; margin: .7rem 0; }
details > div { scroll-margin-top: 3.4rem; }
summary { cursor: pointer; padding: .65rem 0; font-weight: 600; overflow-wrap: anywhere; }
summary .soft { font-weight: 400; }
@media (max-width: 40rem) { body { font-size: 15px; } h1 { font-size: 1.4rem; }
  header, main, footer { padding-left: .9rem; padding-right: .9rem; }
  th, td { padding: .34rem .5rem; } details { padding: 0 .6rem; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print { :root { color-scheme: light; --back: #fff; --text: #000; --soft: #444;
    --line: #bbb; --card: #fff; --link: #000; --good: #000; --bad: #000; --plain: #000; }
  body { font-size: 10pt; } .skip, nav { display: none; }
  figure, tr, .verdict, pre { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .wide { overflow: visible; } details::details-content { content-visibility: visible;
    block-size: auto; } details { border: 0; padding: 0; } }
"""
