/** Pages of the site, in the order of the way around. */
const pages = [
  { name: 'Translate', path: 'index.html' },
  { name: 'Watch it learn', path: 'watch.html' },
  { name: 'Look inside', path: 'inside.html' },
  { name: 'Docs', path: 'documentation/index.html' },
];

/** What pages may do: run the site's own code and fetch models that a visitor names, and nothing else. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self' https:",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * A page of the site.
 *
 * @param path     of the page, from the root of the site
 * @param section  the path of the page of the navigation that it belongs to
 * @param content  HTML
 * @param code     the folder of scripts and style, from the root of the site
 * @param scripts  modules in that folder
 */
export function shell({ title, path, section = path, content, code, scripts }) {
  const root = '../'.repeat(path.split('/').length - 1);
  const way = pages.map(
    (page) => `<li><a href="${root}${page.path}"${page.path === section ? ' aria-current="page"' : ''}>${page.name}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>${title === 'decade' ? title : `${title} · decade`}</title>
<link rel="icon" href="${root}${code}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${root}${code}style.css">
${scripts.map((script) => `<script type="module" src="${root}${code}${script}"></script>\n`).join('')}</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="site">
<a class="name" href="${root}index.html">decade</a>
<nav aria-label="Pages"><ul>${way.join('')}</ul></nav>
</header>
<main id="content">
${content}
</main>
<footer><p id="visit" class="note"></p></footer>
</body>
</html>
`;
}
