// Compiles the AssemblyScript kernels into src/kernels/wasm.generated.ts (base64, so that the library is
// plain JavaScript wherever it is bundled). `--check` only says whether that file is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '../src/kernels/wasm.generated.ts');

let binary;
const { error, stderr } = await asc.main(
  ['assembly/index.ts', '--baseDir', here, '--config', 'asconfig.json', '--outFile', 'kernels.wasm'],
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

const source = `// Made by packages/core/kernels/build.js from packages/core/kernels/assembly. Do not edit.
export const WASM_BASE64: string =
  '${Buffer.from(binary).toString('base64')}';
`;
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== source) {
    process.stderr.write('wasm.generated.ts is not what the sources give: run `pnpm build:kernels`.\n');
    process.exit(1);
  }
} else {
  writeFileSync(target, source);
  process.stdout.write(`${target}: ${binary.length} bytes of WebAssembly\n`);
}
