// Compiles the AssemblyScript kernels into src/**/wasm.generated.ts (base64, so that the library is plain
// JavaScript wherever it is bundled). `--check` only says whether these files are up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = dirname(fileURLToPath(import.meta.url));
const modules = [
  { entry: 'assembly/index.ts', target: '../src/kernels/wasm.generated.ts', flags: ['--initialMemory', '1'] },
  {
    entry: 'assembly/train/index.ts',
    target: '../src/train/engine/wasm.generated.ts',
    // One memory for all threads, made by the caller; 2 GiB at most.
    flags: [
      '--enable',
      'threads',
      '--importMemory',
      '--sharedMemory',
      '--initialMemory',
      '1',
      '--maximumMemory',
      '32768',
    ],
  },
];

for (const { entry, target, flags } of modules) {
  const path = join(here, target);
  const binary = await compile(entry, flags);
  const source = `// Made by packages/core/kernels/build.js from packages/core/kernels/${dirname(entry)}. Do not edit.
export const WASM_BASE64: string =
  '${Buffer.from(binary).toString('base64')}';
`;
  if (!process.argv.includes('--check')) {
    writeFileSync(path, source);
    process.stdout.write(`${path}: ${binary.length} bytes of WebAssembly\n`);
  } else if (readFileSync(path, 'utf8') !== source) {
    process.stderr.write(`${target} is not what the sources give: run \`pnpm build:kernels\`.\n`);
    process.exit(1);
  }
}

async function compile(entry, flags) {
  let binary;
  const { error, stderr } = await asc.main(
    [entry, '--baseDir', here, '--config', 'asconfig.json', '--outFile', 'kernels.wasm', ...flags],
    {
      readFile: (name, base) => {
        try {
          return readFileSync(join(base, name), 'utf8');
        } catch {
          return null;
        }
      },
      writeFile: (_name, content) => {
        binary = content;
      },
    },
  );
  if (error) {
    process.stderr.write(`${error.message}\n${stderr.toString()}`);
    process.exit(1);
  }
  return binary;
}
