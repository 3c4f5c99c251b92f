/** Colours that can be told apart with any kind of colour vision, light and dark, a variable each: `var(--series-1)`. */
export const seriesColours = 6;

/** Steps of one colour, for what has an order: `var(--shade-1)`. */
export const shadeSteps = 5;

/** The colours, light and dark, as variables. */
export const palette = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c1e21; --muted: #666c75; --line: #e3e5e9; --panel: #f6f7f8; --accent: #2c62a8;
  --series-1: #2c6db5; --series-2: #c9601a; --series-3: #15826f; --series-4: #8453b0; --series-5: #b8405f; --series-6: #6f7680;
  --shade-1: #a9c9ea; --shade-2: #6fa3da; --shade-3: #3c79bd; --shade-4: #1f5190; --shade-5: #0c2c57;
  --extra: #fbe3dc; --extra-ink: #8d2b12; --lacking: #dcefe4; --lacking-ink: #145a38;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #141619; --ink: #e4e6e9; --muted: #9aa1ab; --line: #2c3036; --panel: #1b1e22; --accent: #8bb8ee;
    --series-1: #6aa5e8; --series-2: #ec9350; --series-3: #48bba4; --series-4: #b78fdd; --series-5: #e8809b; --series-6: #a0a7b1;
    --shade-1: #234b78; --shade-2: #3a73b0; --shade-3: #6aa5e8; --shade-4: #a9cdf4; --shade-5: #e6f1fd;
    --extra: #4a241b; --extra-ink: #ffc4b3; --lacking: #17402d; --lacking-ink: #a5e3c2;
  }
}
`;

/** The style of plots. They take their colours from the palette. */
export const plotStyle = `
svg.plot text { fill: var(--muted); font: 11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
svg.plot .rule { stroke: var(--line); fill: none; }
svg.plot .curve { fill: none; stroke: var(--colour); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
svg.plot .band { fill: var(--colour); opacity: .16; }
svg.plot .whisker { stroke: var(--colour); stroke-width: 1.5; fill: none; }
svg.plot .whisker.on-bar { stroke: var(--ink); }
svg.plot .dot { fill: var(--colour); }
svg.plot .bar { fill: var(--colour); opacity: .85; }
svg.plot .leader { stroke: var(--muted); stroke-width: .6; opacity: .6; }
svg.plot text.name { fill: var(--colour, var(--ink)); }
${Array.from({ length: shadeSteps }, (_, index) => `.shade-${index + 1} { --colour: var(--shade-${index + 1}); }`).join('\n')}
${Array.from({ length: seriesColours }, (_, index) => `.series-${index + 1} { --colour: var(--series-${index + 1}); }`).join('\n')}
`;

/** The style of every page. */
export const style = `
${palette}
* { box-sizing: border-box; }
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
pre { margin: .6rem 0 1.2rem; padding: .9rem 1rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
.scroll { overflow-x: auto; margin: .8rem 0 1.4rem; }
table { border-collapse: collapse; font-size: .9375rem; font-variant-numeric: tabular-nums; }
th { font-weight: 500; font-size: .8125rem; text-align: left; vertical-align: bottom; }
th, td { padding: .38rem 1.4rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1.4rem 2rem; margin: 1rem 0 1.6rem; align-items: start; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .875rem; margin-bottom: .3rem; }
figcaption b { color: var(--ink); font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .8125rem; }
.legend i { display: inline-block; width: .7em; height: .7em; margin-right: .4em; border-radius: 50%; }
svg.plot { display: block; width: 100%; height: auto; overflow: visible; }
${plotStyle}
.wide { overflow-x: auto; }
.wide svg.plot { min-width: 36rem; max-width: 52rem; }
svg.heat { max-width: none; }
svg.heat text { fill: var(--ink); }
svg.heat rect:not(.rule) { fill: var(--series-1); }
mark { border-radius: 3px; padding: .05em .12em; margin: 0 -.12em; }
mark.extra { background: var(--extra); color: var(--extra-ink); }
mark.lacking { background: var(--lacking); color: var(--lacking-ink); text-decoration: underline dotted; text-underline-offset: .2em; }
.example { margin: 0 0 .5rem; padding: .6rem 0 .7rem; border-bottom: 1px solid var(--line); }
.example .about { margin: 0 0 .2rem; color: var(--muted); font-size: .8125rem; }
.example dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: .35rem 2rem; margin: 0; }
.example dt { color: var(--muted); font-size: .75rem; }
.example dd { margin: 0; }
.map { max-width: 42rem; margin-top: 2rem; }
figure + figure { margin-top: 1.8rem; }
.figures figure + figure { margin-top: 0; }
.map-plane { position: relative; margin-top: .6rem; }
.search { display: block; font-size: .875rem; color: var(--muted); }
.search input { font: inherit; color: var(--ink); background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .35rem .6rem; display: block; width: min(100%, 24rem); margin: .2rem 0 .3rem; }
output { display: block; min-height: 1.6em; font-size: .875rem; color: var(--muted); }
svg.plot .pointed { stroke: var(--ink); stroke-width: 2; }
svg.searching .dot { opacity: .12; }
svg.searching .dot.found { opacity: 1; fill: var(--series-2); }
.tip { position: absolute; z-index: 1; width: max-content; max-width: min(22rem, 100%); padding: .5rem .7rem; pointer-events: none; display: grid; gap: .15rem;
  background: var(--paper); border: 1px solid var(--line); border-radius: 6px; box-shadow: 0 3px 14px rgb(0 0 0 / .16); font-size: .875rem; line-height: 1.4; }
.tip[hidden] { display: none; }
.tip b { font-weight: 600; }
@media print { body { max-width: none; padding: 0; } section { break-inside: avoid-page; } nav { display: none; } }
`;
