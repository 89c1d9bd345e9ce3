import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { markdownPassages } from '../../demo/src/passages.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nestbit-demo-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

const PROSE = 'A message goes through the proxy only when the agent was given its address.';

test('each text once, named after the package that says it', () => {
  write('README.md', `# Ours\n\nThe store keeps the codes, and this sentence is about nothing else.\n`);
  write('node_modules/.pnpm/a@1/node_modules/@scope/a/README.md', `# A\n\n## Proxies\n\n${PROSE}\n`);
  write('node_modules/.pnpm/a@2/node_modules/@scope/a/README.md', `# A\n\n## Proxies\n\n${PROSE}\n`);
  write('node_modules/.pnpm/a@2/node_modules/@scope/a/LICENSE.md', `# Terms\n\n${PROSE}\n`);
  const found = markdownPassages(root, ['README.md', 'docs', 'node_modules'], 10);
  expect(found.map(({ place }) => place)).toEqual(['README.md › Ours', '@scope/a › A › Proxies']);
  expect(markdownPassages(root, ['README.md', 'node_modules'], 1)).toEqual(found.slice(0, 1));
});

test('what is neither a file nor a folder is passed by: links, sockets, and the caches of tests', async () => {
  write('node_modules/a/README.md', `# A\n\n${PROSE}\n`);
  write(
    'node_modules/.cache/system/usr/share/README.md',
    `# B\n\nAnother sentence, which nobody asked the demo for.\n`,
  );
  symlinkSync(root, join(root, 'node_modules/loop'));
  const server = createServer().listen(join(root, 'node_modules/socket.md'));
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    expect(markdownPassages(root, ['node_modules'], 10).map(({ place }) => place)).toEqual(['a › A']);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
