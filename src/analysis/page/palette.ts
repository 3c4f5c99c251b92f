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
  --shade-1: #7fadde; --shade-2: #5590d0; --shade-3: #3773b8; --shade-4: #1f5190; --shade-5: #0c2c57;
  --extra: #fbe3dc; --extra-ink: #8d2b12; --lacking: #dcefe4; --lacking-ink: #145a38; --shadow: rgb(0 0 0 / .22);
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #141619; --ink: #e4e6e9; --muted: #9aa1ab; --line: #2c3036; --panel: #1b1e22; --accent: #8bb8ee;
    --series-1: #6aa5e8; --series-2: #ec9350; --series-3: #48bba4; --series-4: #b78fdd; --series-5: #e8809b; --series-6: #a0a7b1;
    --shade-1: #234b78; --shade-2: #3a73b0; --shade-3: #6aa5e8; --shade-4: #a9cdf4; --shade-5: #e6f1fd;
    --extra: #4a241b; --extra-ink: #ffc4b3; --lacking: #17402d; --lacking-ink: #a5e3c2; --shadow: rgb(255 255 255 / .22);
  }
}
`;
