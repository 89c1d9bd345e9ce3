import { NestbitError } from '../errors.ts';
import type { ModelFolder } from './model-folder.ts';

/**
 * The text put before each input: that of the prompt asked for, else of the folder's default prompt, else
 * none.
 *
 * @throws TypeError when the name is no string; NestbitError `USAGE` when the model has no such prompt
 */
export function promptOf(folder: ModelFolder, name: string | undefined): string {
  if (name !== undefined && typeof name !== 'string') {
    throw new TypeError(`prompt must be the name of a prompt, a string, got ${typeof name}`);
  }
  const wanted = name ?? folder.defaultPrompt;
  if (wanted === undefined) return '';
  const own = (key: string): string | undefined =>
    Object.hasOwn(folder.prompts, key) ? folder.prompts[key] : undefined;
  // Some models name their document prompt `passage`.
  const prompt = own(wanted) ?? (wanted === 'document' ? own('passage') : undefined);
  if (prompt === undefined && wanted !== 'query' && wanted !== 'document') {
    const known = Object.keys(folder.prompts).join(', ');
    throw new NestbitError(
      'USAGE',
      `The model has no prompt named ${wanted}; it has: ${known === '' ? 'none' : known}.`,
    );
  }
  return prompt ?? '';
}
