import { NestbitError, wrongType } from '../errors.ts';
import type { ModelFolder } from './model/model-folder.ts';

/** What is put before a text, and the adapter that the model uses for it. */
export interface Prompt {
  readonly text: string;
  /** The model's `task_id`. */
  readonly task: number | undefined;
}

/** Names that model folders give to the prompts of a search, best first. */
const QUERY: readonly string[] = [
  'query',
  'search_query',
  'retrieval.query',
  's2p_query',
  'web_search_query',
];
const DOCUMENT: readonly string[] = [
  'document',
  'passage',
  'search_document',
  'retrieval.passage',
  'retrieval.document',
  'corpus',
  'doc',
];

/** A prompt by name, and what the user should know of it. */
export interface FoundPrompt extends Prompt {
  readonly notice: string | undefined;
}

/**
 * The prompt of a name: that of the folder, or of a name that means the same (`query` and `search_query`, `document` and
 * `passage`, …); without a name the folder's default prompt, or none.
 *
 * @throws TypeError when the name is not a string; NestbitError `USAGE` when the model has no such prompt
 */
export function findPrompt(
  { prompts, defaultPrompt, tasks }: Pick<ModelFolder, 'prompts' | 'defaultPrompt' | 'tasks'>,
  name: string | undefined,
): FoundPrompt {
  if (name !== undefined && typeof name !== 'string')
    throw wrongType(`prompt must be the name of a prompt, a string, got ${typeof name}`);
  const wanted = name ?? defaultPrompt;
  const known = [...new Set([...Object.keys(prompts), ...tasks])];
  if (wanted === undefined) return { text: '', task: undefined, notice: undefined };
  const names = meaningTheSame(wanted);
  const found = names.find((one) => known.includes(one));
  if (found !== undefined) {
    const text = Object.hasOwn(prompts, found) ? prompts[found] : '';
    const task = names.find((one) => tasks.includes(one));
    return { text, task: task === undefined ? undefined : tasks.indexOf(task), notice: undefined };
  }
  const listed = known.length === 0 ? 'none' : known.join(', ');
  if (names.length === 1)
    throw new NestbitError('USAGE', `The model has no prompt named ${wanted}; it has: ${listed}.`);
  const notice = `The model has no prompt for ${wanted}, and texts are encoded without one. It has: ${listed}.`;
  // Every search asks for these two; a model without any prompt is meant to do without.
  const expected = known.length === 0 && (wanted === 'query' || wanted === 'document');
  return { text: '', task: undefined, notice: expected ? undefined : notice };
}

/** The name itself, then others of its group: `query:` and `Query` are `query`. */
function meaningTheSame(name: string): readonly string[] {
  const plain = name.trim().replace(/:$/, '').toLowerCase();
  const group = [QUERY, DOCUMENT].find((names) => names.includes(plain)) ?? [];
  return [...new Set([name, ...(group.length > 0 ? [plain] : []), ...group])];
}
