import { basename, join } from 'node:path';
import type { EncoderSettings } from '../settings.ts';
import { checkFolder, findFiles, type ModelFiles } from './files.ts';
import { invalid } from './invalid.ts';
import { isFile, readJsonObject } from './json-file.ts';
import { longestInput } from './lengths.ts';
import { type Modules, readModules } from './modules.ts';
import { poolingModes, type TokenPooling } from './pooling-config.ts';
import { folderPrompts } from './prompts-config.ts';
import { readSteps, type Steps } from './steps.ts';

/** What a model folder says, with the options that are set over it, as plain data for the workers. */
export interface ModelFolder extends Omit<ModelFiles, 'folders'>, Steps {
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** config.json of the transformer. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether texts are lower-cased before the tokenizer sees them. */
  readonly lowerCase: boolean;
  /** Undefined: the model's own pooled output where it has one, else the mean. */
  readonly pooling: readonly TokenPooling[] | 'output' | undefined;
  /** Whether the tokens of a prompt count in max and means. */
  readonly includePrompt: boolean;
  /** Longest input in tokens, special ones included. */
  readonly maxLength: number;
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPrompt: string | undefined;
  /** Tasks of a model with adapters, by their `task_id`. */
  readonly tasks: readonly string[];
  /** Whether a layer norm without weights follows the modules. */
  readonly layerNorm: boolean;
  /** Values of an embedding that are kept. */
  readonly truncateDimensions: number | undefined;
  /** What the user should know of the folder. */
  readonly notices: readonly string[];
}

type Config = Readonly<Record<string, unknown>>;

/** Configurations of the transformer module, one for each class that sentence-transformers once had. */
const SENTENCE_CONFIGS: readonly string[] = [
  'bert',
  'roberta',
  'distilbert',
  'camembert',
  'albert',
  'xlm-roberta',
  'xlnet',
].map((name) => `sentence_${name}_config.json`);

/**
 * Reads a model folder of Hugging Face, sentence-transformers or model2vec. What an option sets is not read from the
 * folder, so that it may be wrong or unknown there.
 *
 * @throws NestbitError `MODEL_INVALID` naming what is missing or wrong
 */
export async function readModelFolder(folder: string, settings: EncoderSettings): Promise<ModelFolder> {
  checkFolder(folder);
  const modules = await readModules(folder, settings.pooling === 'output');
  const { model_type: modelType } = await readJsonObject(join(folder, 'config.json'));
  const { folders, ...files } = findFiles(folder, modules, modelType, settings.variant);
  const read = async (...names: string[]): Promise<Config> => {
    const paths = folders.flatMap((one) => names.map((name) => join(one, name)));
    const path = paths.find(isFile);
    return path === undefined ? {} : await readJsonObject(path);
  };
  const config = await read('config.json');
  const sentence = await read('config_sentence_transformers.json');
  const bert = await read(...SENTENCE_CONFIGS);
  const tokenizerConfig = {
    ...(await read('special_tokens_map.json')),
    ...(await read('tokenizer_config.json')),
  };
  const truncateDimensions = settings.truncateDimensions ?? truncationOf(sentence, folder);
  const { steps, missing } = await readSteps(modules.list);
  return {
    ...files,
    tokenizerConfig,
    config,
    lowerCase: bert['do_lower_case'] === true,
    ...(await poolingOf(folder, modules, settings)),
    steps,
    missing,
    maxLength: settings.maxLength ?? maxLengthOf(files, bert, tokenizerConfig, config),
    ...folderPrompts(sentence, config, settings.prompts, folder),
    layerNorm: settings.layerNorm ?? (truncateDimensions !== undefined && isNomic(config)),
    truncateDimensions,
    notices: modules.custom === undefined ? [] : [customClass(folder, modules.custom)],
  };
}

async function poolingOf(
  folder: string,
  modules: Modules,
  settings: EncoderSettings,
): Promise<Pick<ModelFolder, 'pooling' | 'includePrompt'>> {
  const module = modules.list.find(({ kind }) => kind === 'Pooling');
  const path = join(module?.folder ?? join(folder, '1_Pooling'), 'config.json');
  const config = await readJsonObject(path);
  return {
    pooling: settings.pooling ?? poolingModes(config, path),
    includePrompt: config['include_prompt'] !== false,
  };
}

function maxLengthOf(
  { kind }: Pick<ModelFiles, 'kind'>,
  bert: Config,
  tokenizer: Config,
  config: Config,
): number {
  if (kind === 'onnx') return longestInput(bert, tokenizer, config);
  // A table has no positions: model2vec cuts at 512 tokens, a StaticEmbedding nowhere.
  const limit = config['model_type'] === 'model2vec' ? 512 : 1e6;
  return longestInput({}, tokenizer, { max_position_embeddings: limit });
}

/** nomic-embed-text-v1.5 puts a layer norm before the truncation, as its card says and no file does. */
function isNomic(config: Config): boolean {
  const { model_type: type, num_experts: experts } = config;
  return type === 'nomic_bert' && !(typeof experts === 'number' && experts > 0);
}

function truncationOf(sentence: Config, folder: string): number | undefined {
  const value = sentence['truncate_dim'] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw invalid(`${folder} has a truncate_dim of ${JSON.stringify(value)}, which is no width`);
}

function customClass(folder: string, type: string): string {
  return (
    `modules.json of ${basename(folder)} names the class ${type}, which nestbit does not run: it runs the ONNX file as ` +
    "it is. Compare some embeddings with the model's own."
  );
}
