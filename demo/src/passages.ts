import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Passage {
  readonly file: string;
  readonly text: string;
}

/** Paragraphs of prose in the Markdown under some folders, each text once. */
export function markdownPassages(root: string, folders: readonly string[], limit: number): Passage[] {
  const seen = new Set<string>();
  const passages: Passage[] = [];
  for (const folder of folders) {
    for (const path of markdownFiles(join(root, folder))) {
      for (const text of paragraphs(readFileSync(path, 'utf8'))) {
        if (passages.length >= limit) return passages;
        if (seen.has(text)) continue;
        seen.add(text);
        passages.push({ file: relative(root, path), text });
      }
    }
  }
  return passages;
}

function paragraphs(markdown: string): string[] {
  return markdown
    .replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .split(/\n\s*\n/)
    .map((text) =>
      text
        .replace(/[#*`>|]/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter(
      (text) => text.length >= 60 && text.length <= 2000 && (text.match(/[a-z]{2,}/gi)?.length ?? 0) >= 8,
    );
}

function* markdownFiles(folder: string, visited: Set<string> = new Set()): Generator<string> {
  if (!existsSync(folder)) return;
  const real = realpathSync(folder);
  if (visited.has(real)) return;
  visited.add(real);
  for (const entry of readdirSync(real, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(real, entry.name);
    if (entry.isDirectory()) yield* markdownFiles(path, visited);
    else if (entry.isFile() && /\.(md|markdown)$/i.test(entry.name)) yield path;
  }
}
