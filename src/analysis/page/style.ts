import { palette } from './palette.js';
import { plotStyle } from './plot-style.js';

/** The style of every page. */
export const style = `
${palette}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 72rem; padding: 2.5rem 1.25rem 5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
h1 { margin: 0 0 .35rem; font-size: clamp(1.5rem, 1.2rem + 1.4vw, 2.1rem); line-height: 1.2; letter-spacing: -.015em; font-weight: 650; }
h2 { margin: 3.25rem 0 .35rem; padding-top: 1.1rem; border-top: 1px solid var(--line); font-size: 1.3rem; line-height: 1.3; letter-spacing: -.01em; font-weight: 620; }
h3 { margin: 1.9rem 0 .3rem; font-size: 1rem; font-weight: 620; }
p { margin: .35rem 0 .9rem; max-width: 46rem; }
a { color: var(--accent); text-underline-offset: .18em; }
.lead, .note, figcaption, .legend, th, small { color: var(--muted); }
.note, small { font-size: .875rem; }
.missing { border-left: 3px solid var(--series-2); padding: .35rem .9rem; background: var(--panel); max-width: 46rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 1rem 0 0; padding: 0; list-style: none; font-size: .9375rem; }
code, pre { font: .84rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { margin: .6rem 0 1.2rem; padding: .9rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
.scroll { overflow-x: auto; margin: .8rem 0 1.4rem; background:
    linear-gradient(to right, var(--paper) 40%, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--paper) 40%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(to right, var(--shadow), transparent) left / 1rem 100% no-repeat scroll,
    linear-gradient(to left, var(--shadow), transparent) right / 1rem 100% no-repeat scroll; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
table { border-collapse: collapse; font-size: .9375rem; font-variant-numeric: tabular-nums; }
th { font-weight: 500; font-size: .8125rem; text-align: left; vertical-align: bottom; }
th, td { padding: .38rem 1.4rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1.4rem 2rem; margin: 1rem 0 1.6rem; align-items: start; }
figure { position: relative; margin: 0; min-width: 0; }
.plane.scroll { margin: 0; }
figcaption { font-size: .875rem; margin-bottom: .3rem; }
figcaption b { color: var(--ink); font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .8125rem; max-height: 8.5rem; overflow-y: auto; }
.omission { white-space: nowrap; }
.behind { margin-top: .2rem; font-size: .8125rem; }
.behind summary { color: var(--muted); cursor: pointer; width: max-content; padding: .15rem 0; }
.behind table { font-size: .8125rem; }
.behind .scroll { max-height: 20rem; overflow: auto; margin: .2rem 0 .6rem; }
.behind th[scope=row] { max-width: 22rem; color: var(--ink); font-weight: 400; }
.behind td { text-align: right; white-space: nowrap; }
.legend svg.swatch { display: inline-block; width: 1rem; height: .625rem; margin-right: .35em; }
svg.plot { display: block; width: 100%; height: auto; overflow: visible; }
${plotStyle}
.wide svg.plot { min-width: 36rem; max-width: 52rem; }
mark { border-radius: 3px; padding: .05em .12em; margin: 0 -.12em; }
mark.extra { background: var(--extra); color: var(--extra-ink); }
mark.lacking { background: var(--lacking); color: var(--lacking-ink); text-decoration: underline dotted; text-underline-offset: .2em; }
.example { margin: 0 0 .5rem; padding: .6rem 0 .7rem; border-bottom: 1px solid var(--line); }
.example .about { margin: 0 0 .2rem; color: var(--muted); font-size: .8125rem; }
.example dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: .35rem 2rem; margin: 0; }
.example dt { color: var(--muted); font-size: .75rem; }
.example dd { margin: 0; }
.map { max-width: 42rem; margin-top: 2rem; }
.alone { max-width: 40rem; }
figure + figure { margin-top: 1.8rem; }
.figures figure + figure { margin-top: 0; }
.controls { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: end; margin: .8rem 0 .4rem; }
.search { font-size: .8125rem; color: var(--muted); max-width: 100%; }
.search input, .search select { display: block; width: 100%; margin-top: .15rem; }
input, select, button { font: inherit; font-size: .9375rem; color: var(--ink); background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .35rem .6rem; }
input[type=search] { width: min(22rem, 80vw); }
button { cursor: pointer; }
button:disabled { cursor: default; opacity: .4; }
.turning { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; color: var(--muted); font-size: .875rem; }
output { display: block; min-height: 1.6em; font-size: .875rem; color: var(--muted); }
.data table { width: 100%; }
div.text { max-height: 20em; overflow-y: auto; overflow-wrap: anywhere; }
div.text, .data td.text { unicode-bidi: plaintext; white-space: pre-line; }
.data td.text { min-width: 11rem; }
.data th.number { white-space: normal; }
.data th button { all: unset; cursor: pointer; }
.data th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.data th[aria-sort]:not([aria-sort=none]) button { color: var(--ink); font-weight: 600; }
.data th[aria-sort=ascending] button::after { content: " ↑"; }
.data th[aria-sort=descending] button::after { content: " ↓"; }
.data tr.marked td { background: var(--panel); }
.data .sorting, .data .direction { display: none; }
@media (max-width: 60rem) {
  .data .sorting, .data .direction { display: block; }
  .data thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .data table, .data tbody, .data tr { display: block; }
  .data tr { padding: .5rem 0 .6rem; border-bottom: 1px solid var(--line); }
  .data td { display: block; padding: .1rem 0; border: 0; text-align: start; }
  .data td::before { content: attr(data-name) " "; color: var(--muted); font-size: .75rem; }
  .data td.text::before { display: block; }
  .data td.number { display: inline-block; margin-right: 1rem; }
  .data td:empty { display: none; }
}
.heads { display: grid; grid-template-columns: max-content repeat(var(--heads), minmax(1.5rem, 3.75rem)); gap: .25rem; overflow-x: auto; align-items: center; padding: 3px; margin: .4rem 0 .8rem; }
.heads span { color: var(--muted); font-size: .75rem; text-align: center; white-space: nowrap; overflow: hidden; }
.heads button { padding: 2px; line-height: 0; border-radius: 4px; background: var(--paper); }
.heads button[aria-pressed=true] { outline: 2px solid var(--accent); }
.heads canvas { width: 100%; height: auto; image-rendering: pixelated; }
svg.plot .pointed { fill: none; stroke: var(--ink); stroke-width: 1.5; pointer-events: none; }
svg.searching .dot { opacity: .12; }
svg.searching .dot.found { opacity: 1; fill: var(--series-2); }
.tip { position: absolute; z-index: 1; width: max-content; max-width: min(22rem, 100%); padding: .5rem .7rem; pointer-events: none; display: grid; gap: .15rem;
  background: var(--paper); border: 1px solid var(--line); border-radius: 6px; box-shadow: 0 3px 14px rgb(0 0 0 / .16); font-size: .875rem; line-height: 1.4; }
.tip b { font-weight: 600; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  figure, .example, tr { break-inside: avoid; }
  div.text, .legend { max-height: none; }
  h2, h3 { break-after: avoid; }
  nav, .behind, .controls, .turning, .heads { display: none; }
  .scroll { overflow: visible; background: none; }
  .wide svg.plot { min-width: 0; }
}
`;
