import { fileURLToPath } from 'node:url';

/** Arguments of node for a child process that runs TypeScript from the sources, on Node 20 too. */
export const execArgv: string[] = [
  '--import',
  new URL('./ts-workers.js', import.meta.url).href,
  '--conditions',
  '@nestbit/source',
];

/** The path of a child's program in this folder. */
export const program = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));
