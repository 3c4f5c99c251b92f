/** The guide's pages in docs/ by what they are for, in the order of reading. What is in none of them stands under "More". */
export const groups = [
  {
    name: 'Use it',
    pages: [
      'browser',
      'site',
      'packed-models',
      'server',
      'agents',
      'imported-models',
      'language-models',
      'sampling',
      'compression',
      'scaling',
    ],
  },
  { name: 'Understand it', pages: ['two-networks', 'reading-order', 'the-paper-rerun', 'the-decade-rerun', 'was-it-wise'] },
  { name: 'Figures', pages: ['results', 'performance'] },
];
