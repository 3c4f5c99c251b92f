/** The pages that compute, each with what stands on it before its script runs. */
export const pages = [
  {
    title: 'decade',
    path: 'index.html',
    script: 'translate.js',
    heading: 'Translate',
    lead: 'Type a sentence. See what a model makes of it, what it looked at, and what else it considered.',
  },
  {
    title: 'Watch it learn',
    path: 'watch.html',
    script: 'watch.js',
    heading: 'Watch it learn',
    lead: 'A network that knows nothing learns to say English dates, amounts and lists in French. It is trained here, in this page, from examples alone.',
  },
  {
    title: 'Look inside',
    path: 'inside.html',
    script: 'inside.js',
    heading: 'Look inside',
    lead: 'What a trained network makes of a sentence: where it looks, what it expects next, and which sentences it holds to be alike.',
  },
];

/** @returns HTML */
export function pageContent({ heading, lead }) {
  return `<h1>${heading}</h1>
<p class="lead">${lead}</p>
<div id="app"><noscript><p>This page computes, and needs JavaScript for that. The <a href="documentation/index.html">documentation</a> does not.</p></noscript></div>`;
}
