import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { tinyModel } from '../support/tiny-model.ts';

const folder = temporaryFolder();
const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Runs Node in the folder, without what the tests preload; its status and what it printed. */
async function node(args: string[], input = ''): Promise<{ status: number; out: string; err: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, args, { cwd: folder, env, timeout: 30_000 });
  child.stdin.end(input);
  const [out, err, [status]] = await Promise.all([
    child.stdout.toArray(),
    child.stderr.toArray(),
    once(child, 'close'),
  ]);
  return { status, out: out.join(''), err: err.join('') };
}

/** A program of its own, as a user would write it. */
function program(end: string): string {
  return `import { Encoder } from '@nestbit/core/onnx';
    const encoder = await Encoder.open(${JSON.stringify(tinyModel)});
    console.log((await encoder.encode(['red cat'])).length);
    ${end}`;
}

// The package as it is published, built from the sources of now.
beforeAll(async () => {
  const core = join(folder, 'node_modules/@nestbit/core');
  mkdirSync(core, { recursive: true });
  cpSync(root('packages/core/package.json'), join(core, 'package.json'));
  symlinkSync(root('packages/core/node_modules'), join(core, 'node_modules'), 'junction');
  const options = ['--outDir', join(core, 'dist'), '--tsBuildInfoFile', join(core, '.tsbuildinfo')];
  const tsc = root('node_modules/typescript/bin/tsc');
  expect(await node([tsc, '-p', root('packages/core'), ...options])).toMatchObject({ status: 0 });
});

const close = 'await encoder.close();';
const printed = { status: 0, out: '8\n', err: '' };

test('the built package encodes in a program given by -e, and close lets the process end', async () => {
  expect(await node(['--input-type=module', '-e', program(close)])).toEqual(printed);
});

test('the built package encodes in a program given by standard input', async () => {
  expect(await node(['--input-type=module', '-'], program(close))).toEqual(printed);
});

test('an encoder without work does not keep the process alive', async () => {
  expect(await node(['--input-type=module', '-e', program('')])).toEqual(printed);
});
