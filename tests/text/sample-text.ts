/** Text to train and try tokenizers on: names and dates from Node's own internationalisation data, and awkward lines. */

export function multilingualLines(): string[] {
  const lines: string[] = [];
  for (const language of ['en', 'fr', 'de', 'ru', 'ar', 'hi', 'ja', 'th', 'el', 'vi']) {
    const regions = new Intl.DisplayNames([language], { type: 'region' });
    const dates = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'medium', timeZone: 'UTC' });
    const money = new Intl.NumberFormat(language, { style: 'currency', currency: 'EUR' });
    const lists = new Intl.ListFormat(language, { type: 'conjunction' });
    for (const [index, region] of ['FR', 'DE', 'JP', 'BR', 'CI', 'US', 'GB', 'IN', 'EG', 'TH', 'GR', 'VN'].entries()) {
      const name = regions.of(region) ?? region;
      lines.push(name, `${dates.format(index * 1e10)}: ${name}.`, money.format(index * 1234.5), lists.format([name, language, region]));
    }
  }
  return lines;
}

export const awkwardLines = [
  '',
  '   ',
  ' leading, trailing and   several spaces ',
  "L’avion d'Air France n'est pas là\u00A0; «\u00A0pourquoi\u202F?\u00A0»",
  'Don\'t they\'re "quoted" (and bracketed)... 1,234.56 % of 2024-05-01',
  'text with </s> and <unk> and <s> and <pad> and <0x41> in it',
  '</s>',
  '<unk>',
  ' ▁ ## __proto__ constructor',
  'tab\tand\u2003em space\u3000ideographic\u2028line\u0085next\rreturn',
  'bell\u0007 null\u0000 escape\u001B byte-order\uFEFF mark',
  'e\u0301 is é, \u1112\u1161\u11AB is 한, \u212B is Å, \u037E is ;',
  '👩‍👩‍👧‍👦 ❤️ 🇫🇷 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 😀x😀',
  'lone \uD83D high, low \uDE00, end \uD83D',
  'ΟΔΥΣΣΕΥΣ İstanbul STRASSE ﬁ',
  'می‌خواهم ਪੰਜਾਬੀ ภาษาไทย 日本語テキスト 한국어',
  '\u0301starts with a mark',
  '\u00A0kept at the ends\u202F',
  '½ ² Ⅷ ٣ 五 ¼',
  'ſtrange \u200Bzero\u200Bwidth \u00ADsoft\u00ADhyphen',
  '\u00A0',
  ' \u202F\u00A0 \u200B\u00AD',
  '\u200E\uFE0F\u3164\u2800',
  '「こんにちは。\u3000さようなら」\u3000',
  '\u0958\u0959 \u0915\u093C, 1\u2007000, w\u2060o\u200Br\u00ADd',
  'ភាសា\u200Bខ្មែរ a\u200Bភ\u200B ᠮᠣᠩ\u180Eᠠ',
];

/** Lines in which there is nothing to see. */
export const blankLines = [
  ...'\u0000\t\u00A0\u00AD\u034F\u061C\u115F\u17B4\u180E\u200B\u200C\u200D\u200E\u202E\u2028\u202F\u2060\u2066\u206F\u2800\u3000\u3164\uFE0F\uFEFF\uFFA0\uFFF9',
  '\u{E0020}',
  '\u{E0100}',
  ' \u00A0\u200B\u3000 \u00AD',
];
