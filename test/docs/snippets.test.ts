import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');

/** Programs in the guides: blocks that begin with "```ts run". */
const snippets = guides().flatMap((guide) =>
  [...readFileSync(join(root, guide), 'utf8').matchAll(/^```ts run\n([\s\S]*?)^```$/gm)].map((match) => ({
    guide,
    code: match[1],
  })),
);

let folder: string;
beforeAll(() => {
  // Within the workspace, so that the packages resolve.
  folder = mkdtempSync(join(root, 'test/snippets-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every package has a README with a program or a command', () => {
  for (const name of readdirSync(join(root, 'packages')))
    expect(readFileSync(join(root, 'packages', name, 'README.md'), 'utf8')).toMatch(/^(---|# @nestbit\/)/);
  expect(snippets.length).toBeGreaterThanOrEqual(3);
});

for (const { guide, code } of snippets) {
  test(`the program in ${guide} runs as it is written, and prints what it says`, async () => {
    const file = join(folder, `${guide.replaceAll('/', '-')}.mts`);
    writeFileSync(file, code);
    const { stdout } = await promisify(execFile)(process.execPath, [tsx, file], {
      cwd: folder,
    });
    const promised = [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]);
    for (const line of promised) expect(stdout.replaceAll(/\s+/g, ' ')).toContain(line);
  });
}

/** README files and guides, by their paths from the root. */
function guides(): string[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  const docs = readdirSync(join(root, 'docs')).map((name) => `docs/${name}`);
  return ['README.md', ...packages, ...docs.filter((path) => path.endsWith('.md'))];
}
