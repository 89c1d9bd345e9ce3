import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { proseOf } from './markdown.ts';

export interface Passage {
  /** Package or file, and headings: `undici › ProxyAgent`. */
  readonly place: string;
  readonly text: string;
}

/** Files and headings about a project and not of what it does. */
const ASIDE =
  /^\W*(licen[cs]e|copying|notice|change|history|releases?|code.of.conduct|security|contribut|authors|third|governance|maintain|patents|support)/i;

/** Prose of the Markdown under some files and folders, each text once. */
export function markdownPassages(root: string, paths: readonly string[], limit: number): Passage[] {
  const seen = new Set<string>();
  const passages: Passage[] = [];
  for (const file of paths.flatMap((path) => [...markdownFiles(join(root, path))])) {
    const name = nameOf(relative(root, file));
    for (const { headings, text } of proseOf(readFileSync(file, 'utf8'))) {
      if (headings.some((heading) => ASIDE.test(heading))) continue;
      // Several versions of a package say the same in nearly the same words.
      const key = text
        .toLowerCase()
        .replace(/[^a-z]+/g, '')
        .slice(0, 36);
      if (seen.has(key)) continue;
      seen.add(key);
      passages.push({ place: [...new Set([name, ...headings.slice(-2)])].join(' › '), text });
      if (passages.length >= limit) return passages;
    }
  }
  return passages;
}

/** The package's name under node_modules, else the file's path. */
function nameOf(path: string): string {
  const [, inside] = path.match(/^.*node_modules\/(.*)$/) ?? [];
  if (inside === undefined) return path;
  return inside
    .split('/')
    .slice(0, inside.startsWith('@') ? 2 : 1)
    .join('/');
}

function* markdownFiles(path: string): Generator<string> {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) {
    if (/\.(md|markdown)$/i.test(path) && !ASIDE.test(basename(path))) yield path;
    return;
  }
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    // No links: pnpm's lead to folders that come anyway. No caches, where tests keep a whole system with its devices.
    if ((entry.isDirectory() && entry.name !== '.cache') || entry.isFile())
      yield* markdownFiles(join(path, entry.name));
  }
}
