// Reads mutated files of one format, a number after the other, and tells how each ended; a number that crashes or hangs
// the process is the one after the last that it told. Arguments: format, first number, last number, folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutated } from './mutate.ts';
import { targets } from './targets/index.ts';

const [, , name, first, last, folder] = process.argv;
const target = targets.find((one) => one.name === name);
if (target === undefined) throw new Error(`no format ${name}`);
const seeds = await target.seeds(folder);
const path = join(folder, target.file);

// Each whole file is read as it is before its mutations mean anything.
for (const seed of seeds) {
  writeFileSync(path, seed);
  await target.read(path, seed);
}
process.on('unhandledRejection', (error) => {
  throw error;
});

export interface Outcome {
  readonly number: number;
  readonly end: 'refused' | 'right' | 'wrong' | 'raw';
  readonly what?: string;
}

for (let number = Number(first); number < Number(last); number++) {
  const bytes = mutated(seeds, target.text, number);
  writeFileSync(path, bytes);
  // What is told, before the next file is begun.
  await new Promise<void>((sent) => {
    void outcome(bytes).then((end) => process.send?.({ number, ...end }, () => sent()));
  });
}
process.disconnect?.();

async function outcome(bytes: Buffer): Promise<Omit<Outcome, 'number'>> {
  try {
    await target?.read(path, bytes);
    return { end: 'right' };
  } catch (error) {
    const { name, message, stack } = error as Error;
    if (name === 'NestbitError') return { end: 'refused' };
    if (name === 'WrongAnswer') return { end: 'wrong', what: message };
    return { end: 'raw', what: `${name}: ${message}\n${stack?.split('\n').slice(1, 4).join('\n')}` };
  }
}
