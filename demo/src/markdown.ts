import { marked, type Token, type Tokens } from 'marked';

/** Some prose, and the headings it stands under, the innermost last. */
export interface Prose {
  readonly headings: readonly string[];
  readonly text: string;
}

const LEAST_WORDS = 8;
const MOST_CHARACTERS = 700;
/** Legal text, and what tools write by themselves. */
const BOILERPLATE =
  /copyright|permission is hereby|warrant(y|ies)|licensed under|redistribution|sponsor|donat|patreon|opencollective|maintained by|code of conduct|pull requests? (are )?welcome|auto-?generated|shields\.io/i;

/** The prose of a Markdown text: paragraphs, and lists with what leads to them; no code, tables or link lists. */
export function* proseOf(markdown: string): Generator<Prose> {
  const headings: string[] = [];
  let pending = '';
  for (const token of [...marked.lexer(markdown), undefined]) {
    const text = token === undefined ? '' : plain(token);
    // A list belongs to the sentence before it.
    const joins = token?.type === 'list' && pending.endsWith(':');
    if (token?.type !== 'space' && !joins) {
      if (isProse(pending)) yield { headings: headings.filter(Boolean), text: pending };
      pending = '';
    }
    if (token?.type === 'heading') {
      const { depth } = token as Tokens.Heading;
      headings.length = depth - 1;
      headings[depth - 1] = text;
    } else if (token?.type === 'paragraph' || token?.type === 'list' || token?.type === 'blockquote') {
      pending = short(`${pending} ${text}`.trim());
    }
  }
}

/** What a reader sees of a token, without markup, images and HTML. */
function plain(token: Token): string {
  if (token.type === 'html' || token.type === 'image' || token.type === 'code' || token.type === 'table')
    return '';
  if (token.type === 'br') return ' ';
  if (token.type === 'list') return (token as Tokens.List).items.map(plain).join('; ');
  const parts = 'tokens' in token ? token.tokens : undefined;
  const text = parts === undefined ? ('text' in token ? String(token.text) : '') : parts.map(plain).join('');
  return text
    .replace(/<[^>]*>/g, ' ')
    .replace(/&quot;|&#39;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ');
}

function isProse(text: string): boolean {
  const words = text.match(/\p{L}{2,}/gu)?.length ?? 0;
  const letters = text.match(/[\p{L}\s]/gu)?.length ?? 0;
  const links = text.match(/https?:/g)?.length ?? 0;
  return (
    words >= LEAST_WORDS &&
    letters / text.length > 0.72 &&
    links < 2 &&
    /[.:!?]/.test(text) &&
    !BOILERPLATE.test(text)
  );
}

/** Cut at the last end of a sentence, where there is one. */
function short(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  const cut = text.slice(0, MOST_CHARACTERS);
  const end = Math.max(cut.lastIndexOf('. '), cut.lastIndexOf('; '));
  return end > MOST_CHARACTERS / 2 ? cut.slice(0, end + 1) : cut;
}
