/** White space as Python's `str.split` sees it, which sacreBLEU relies on; JavaScript's `\s` differs in six characters. */
const whiteSpace = String.raw`[\t-\r\x1C-\x20\x85\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]`;
const runsOfWhiteSpace = new RegExp(`${whiteSpace}+`, 'gu');
const trailingWhiteSpace = new RegExp(`(?<!${whiteSpace})${whiteSpace}+$`, 'u');

/** Words between white space. */
export function splitWords(text: string): string[] {
  return text.split(runsOfWhiteSpace).filter((word) => word !== '');
}

/** Text without any white space. */
export function withoutWhiteSpace(text: string): string {
  return text.replace(runsOfWhiteSpace, '');
}

export function withoutTrailingWhiteSpace(text: string): string {
  return text.replace(trailingWhiteSpace, '');
}

/** Ways to split text into words for BLEU, by their names in sacreBLEU's signatures. */
export const bleuTokenizers = {
  /** The standard of the WMT evaluations (mteval-v13a.pl). */
  '13a': (text: string): string[] => {
    const unescaped = text
      .replaceAll('<skipped>', '')
      .replaceAll('-\n', '')
      .replaceAll('\n', ' ')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>');
    return splitWords(separateWesternPunctuation(` ${unescaped} `));
  },
  /** By Unicode's classes of punctuation and symbols (mteval-v14.pl --international-tokenization). */
  intl: (text: string): string[] =>
    splitWords(
      text
        .replace(/(\P{N})(\p{P})/gu, '$1 $2 ')
        .replace(/(\p{P})(\P{N})/gu, ' $1 $2')
        .replace(/\p{S}/gu, ' $& '),
    ),
  /** Every Chinese character is a word; the rest as 13a, but for its escapes. */
  zh: (text: string): string[] => splitWords(separateWesternPunctuation(splitWords(text).join(' ').replace(chinese, ' $& '))),
  char: (text: string): string[] => Array.from(withoutWhiteSpace(text)),
  none: splitWords,
} as const;

export type BleuTokenizer = keyof typeof bleuTokenizers;

/** sacreBLEU's others need models that come with no package of npm: what does the same to both texts beforehand. */
const elsewhere: Readonly<Record<string, string>> = {
  'ja-mecab': 'MeCab and its dictionary IPADIC (`mecab -Owakati`)',
  'ko-mecab': 'MeCab and its Korean dictionary (`mecab -Owakati`)',
  spm: 'a SentencePiece model of FLORES-101 (`spm_encode`)',
  flores101: 'a SentencePiece model of FLORES-101 (`spm_encode`)',
  flores200: 'a SentencePiece model of FLORES-200 (`spm_encode`)',
  'spm-flores': 'a SentencePiece model of FLORES-200 (`spm_encode`)',
};

/** Why there is no tokenizer of this name. */
export function tokenizerRefusal({ input }: { readonly input?: unknown }): string {
  const names = Object.keys(bleuTokenizers).join(', ');
  const needed = Object.entries(elsewhere).find(([name]) => name === input)?.[1];
  if (needed === undefined) return `expected one of ${names}`;
  return `needs ${needed}, which is not part of decade; expected one of ${names}: split the words of translations and references with it first, then take none`;
}

/**
 * Characters that the tokenizer of Shujian Huang in sacreBLEU calls Chinese. Two of its ranges, meant for ideographs beyond
 * U+FFFF, are written with four digits each and so mean U+2001 to U+2A6D (dashes and quotation marks among them) and U+2F81 to
 * U+2FA1: kept, as figures depend on them.
 */
const chinese =
  /[\u2001-\u2A6D\u2E80-\u2FDF\u2FF0-\u303F\u3100-\u312F\u31A0-\u31EF\u3200-\u4DB5\u4E00-\u9FBB\uF900-\uFA2D\uFA30-\uFA6A\uFA70-\uFAD9\uFE10-\uFE1F\uFE30-\uFE4F\uFF00-\uFFEF]/gu;

function separateWesternPunctuation(text: string): string {
  return text
    .replace(/[{-~[-` -&(-+:-@/]/gu, ' $& ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/gu, '$1 $2 ');
}

/** How text becomes words for TER, as in Tercom. */
export interface TercomRules {
  normalized: boolean;
  noPunctuation: boolean;
  asianSupport: boolean;
  caseSensitive: boolean;
}

const asianPunctuation = /[\u3001\u3002\u3008-\u3011\u3014-\u301F\uFF61-\uFF65\u30FB]/gu;
const fullWidthPunctuation = /[\uFF0E\uFF0C\uFF1F\uFF1A\uFF1B\uFF01\uFF02\uFF08\uFF09]/gu;

export function tercomWords(text: string, rules: TercomRules): string[] {
  let words = withoutTrailingWhiteSpace(rules.caseSensitive ? text : text.toLowerCase());
  if (rules.normalized) {
    words = normalisedWestern(words);
    if (rules.asianSupport) words = normalisedAsian(words);
  }
  if (rules.noPunctuation) {
    words = words.replace(/[.,?:;!"()]/gu, '');
    if (rules.asianSupport) words = words.replace(asianPunctuation, '').replace(fullWidthPunctuation, '');
  }
  return splitWords(words);
}

function normalisedWestern(text: string): string {
  const unescaped = text
    .replaceAll('\n-', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  return ` ${unescaped} `
    .replace(/[{-~[-` -&(-+:-@/]/gu, ' $& ')
    .replaceAll("'s ", " 's ")
    .replace(/'s$/u, " 's")
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/gu, '$1 $2 ');
}

/**
 * Ideographs become words of their own. sacreBLEU's further rules for kana never apply: they want kana at the very
 * start of the text, where the Western rules have put a space.
 */
function normalisedAsian(text: string): string {
  return text
    .replace(/[\u4E00-\u9FFF\u3400-\u4DBF]/gu, ' $& ')
    .replace(/[\u31C0-\u31EF\u2E80-\u2EFF]/gu, ' $& ')
    .replace(/[\u3300-\u33FF\uF900-\uFAFF\uFE30-\uFE4F]/gu, ' $& ')
    .replace(/[\u3200-\u3F22]/gu, ' $& ')
    .replace(asianPunctuation, ' $& ')
    .replace(fullWidthPunctuation, ' $& ');
}
