import { invalid } from './invalid.ts';

type Config = Readonly<Record<string, unknown>>;

/** The prompts of a folder, and the tasks of a model that has an adapter for each. */
export interface FolderPrompts {
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPrompt: string | undefined;
  /** In the order of their `task_id`. */
  readonly tasks: readonly string[];
}

/**
 * Reads the prompts of config_sentence_transformers.json and, of models with task adapters (jina-embeddings-v3), the
 * `task_instructions` and `lora_adaptations` of config.json.
 *
 * @param given prompts by name, over those of the folder
 * @throws NestbitError `MODEL_INVALID` for a prompt that is not a text
 */
export function folderPrompts(
  sentence: Config,
  config: Config,
  given: Readonly<Record<string, string>>,
  folder: string,
): FolderPrompts {
  const { lora_adaptations: adaptations, task_instructions: instructions } = config;
  const tasks = Array.isArray(adaptations) ? adaptations.map(String) : [];
  const prompts = {
    ...promptsIn(tasks.length > 0 ? instructions : {}, folder),
    ...promptsIn(sentence['prompts'], folder),
    ...given,
  };
  const wrong = Object.keys(prompts).find((name) => typeof prompts[name] !== 'string');
  if (wrong !== undefined) throw invalid(`${folder} has a prompt, ${wrong}, that is not a text`);
  const defaultPrompt = sentence['default_prompt_name'] ?? undefined;
  if (defaultPrompt !== undefined && typeof defaultPrompt !== 'string')
    throw invalid(`${folder} has a default_prompt_name that is not a text`);
  return { prompts: prompts as Record<string, string>, defaultPrompt, tasks };
}

function promptsIn(value: unknown, folder: string): Config {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Config;
  throw invalid(`${folder} has prompts that are not an object of texts by name`);
}
