import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NestbitError } from '../errors.ts';

/**
 * How token vectors become one: their mean, the first (`cls`), the last token, or what the model pools by
 * itself (`output`: its output `sentence_embedding` or `pooler_output`).
 */
export type Pooling = 'mean' | 'cls' | 'lasttoken' | 'output';

/** What a model folder says, as plain data for the workers. */
export interface ModelFolder {
  readonly onnxPath: string;
  readonly tokenizerPath: string;
  readonly tokenizerConfig: Record<string, unknown>;
  /** Undefined: the model's own pooled output where it has one, else the mean. */
  readonly pooling: Pooling | undefined;
  /** Whether the tokens of a prompt count in the mean. */
  readonly includePrompt: boolean;
  /** Longest input in tokens, special ones included. */
  readonly maxLength: number;
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPrompt: string | undefined;
}

const POOLING_FLAGS: Record<string, Pooling> = {
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_cls_token: 'cls',
  pooling_mode_lasttoken: 'lasttoken',
};

/**
 * Reads a Hugging Face or sentence-transformers model folder: tokenizer.json, onnx/model.onnx (without one
 * onnx/model_quantized.onnx; with a variant onnx/model_<variant>.onnx; or any of them at the top), and where they exist tokenizer_config.json, modules.json,
 * the pooling module's config.json, sentence_bert_config.json and config_sentence_transformers.json.
 *
 * @throws NestbitError `MODEL_INVALID` naming what is missing or wrong
 */
export async function readModelFolder(folder: string, variant?: string): Promise<ModelFolder> {
  if (!existsSync(folder)) throw invalid(`${folder} does not exist`);
  const tokenizerPath = join(folder, 'tokenizer.json');
  if (!existsSync(tokenizerPath)) {
    throw invalid(
      `${folder} has no tokenizer.json; export one: AutoTokenizer.from_pretrained(…).save_pretrained(folder)`,
    );
  }
  const name = variant === undefined ? 'model.onnx' : `model_${variant}.onnx`;
  // A folder that was made small has the quantized file only.
  const names = variant === undefined ? [name, 'model_quantized.onnx'] : [name];
  const candidates = names.flatMap((file) => [join(folder, 'onnx', file), join(folder, file)]);
  const onnxPath = candidates.find((path) => existsSync(path));
  if (onnxPath === undefined) {
    throw invalid(`${folder} has no onnx/${name}; export one: optimum-cli export onnx --model … folder`);
  }
  const read = (file: string): Promise<Record<string, unknown>> => readJson(join(folder, file));
  const modules = Object.values((await read('modules.json')) ?? {}) as { type?: string; path?: string }[];
  const other = modules.find(
    (module) => !/(Transformer|Pooling|Normalize)$/.test(module.type ?? 'Transformer'),
  );
  if (other !== undefined) {
    throw invalid(
      `${folder} has a module of type ${other.type}, which nestbit does not run; export it into the ONNX file ` +
        'as sentence_embedding, and leave it out of modules.json',
    );
  }
  const poolingPath = modules.find((module) => module.type?.endsWith('Pooling'))?.path ?? '1_Pooling';
  const poolingConfig = await read(join(poolingPath, 'config.json'));
  const tokenizerConfig = await read('tokenizer_config.json');
  const bert = await read('sentence_bert_config.json');
  const sentence = await read('config_sentence_transformers.json');
  return {
    onnxPath,
    tokenizerPath,
    tokenizerConfig,
    pooling: poolingOf(poolingConfig, folder),
    includePrompt: poolingConfig['include_prompt'] !== false,
    maxLength: length(bert['max_seq_length']) ?? length(tokenizerConfig['model_max_length']) ?? 512,
    ...promptsOf(sentence, folder),
  };
}

function promptsOf(
  config: Record<string, unknown>,
  folder: string,
): { prompts: Record<string, string>; defaultPrompt: string | undefined } {
  const prompts = config['prompts'] ?? {};
  const wrong = Object.keys(prompts).find(
    (name) => typeof (prompts as Record<string, unknown>)[name] !== 'string',
  );
  if (wrong !== undefined) throw invalid(`${folder} has a prompt, ${wrong}, that is no text`);
  const defaultPrompt = config['default_prompt_name'] ?? undefined;
  if (defaultPrompt !== undefined && typeof defaultPrompt !== 'string') {
    throw invalid(`${folder} has a default_prompt_name that is no text`);
  }
  return { prompts: prompts as Record<string, string>, defaultPrompt };
}

function poolingOf(config: Record<string, unknown>, folder: string): Pooling | undefined {
  // sentence-transformers 5.7 and later name the mode; before, each mode was a flag.
  const mode = config['pooling_mode'];
  if (mode === 'mean' || mode === 'cls' || mode === 'lasttoken') return mode;
  if (mode !== undefined)
    throw invalid(`${folder} pools by ${String(mode)}; mean, cls and lasttoken are known`);
  const named = Object.keys(config).filter((key) => key.startsWith('pooling_mode_') && config[key] === true);
  if (named.length === 0) return undefined;
  const pooling = POOLING_FLAGS[named[0]];
  if (named.length > 1 || pooling === undefined) {
    throw invalid(
      `${folder} pools by ${named.join(' and ')}; mean, cls and last token are known. Give the option pooling`,
    );
  }
  return pooling;
}

// Tokenizers without a limit say 1e30.
function length(value: unknown): number | undefined {
  return Number.isInteger(value) && typeof value === 'number' && value >= 2 && value <= 1e6
    ? value
    : undefined;
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw invalid(`${path} is not JSON`, cause);
  }
}

export function invalid(what: string, cause?: unknown): NestbitError {
  return new NestbitError('MODEL_INVALID', `This is no usable model folder: ${what}.`, { cause });
}
