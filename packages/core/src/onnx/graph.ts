import type { InferenceSession } from 'onnxruntime-node';
import { invalid } from './model/invalid.ts';
import type { ModelFolder } from './model/model-folder.ts';

/** An input that nestbit fills. */
export interface Input {
  readonly name: string;
  readonly role: Role;
  /** The type of its values, as the graph declares it. */
  readonly type: InputType;
  /** Of past keys and values: heads, values a head. */
  readonly heads: number;
  readonly headWidth: number;
  /** Axes of a `task_id`. */
  readonly axes: number;
}

type Role =
  | 'input_ids'
  | 'attention_mask'
  | 'token_type_ids'
  | 'position_ids'
  | 'task_id'
  | 'past'
  | 'use_cache_branch';
export type InputType = 'int64' | 'int32' | 'float32' | 'float16' | 'bool';

const TOKEN_ROLES: readonly Role[] = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'];
const NAMES = [...TOKEN_ROLES, 'task_id', 'past_key_values.*'].join(', ');
const POOLED_OUTPUTS = ['sentence_embedding', 'pooler_output'];
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings', 'hidden_states'];

/**
 * The inputs of a graph, as it declares them.
 *
 * @throws NestbitError `MODEL_INVALID` for inputs that nestbit cannot fill
 */
export function graphInputs(session: InferenceSession, folder: ModelFolder): readonly Input[] {
  const inputs = session.inputMetadata.map((input): Input => {
    const role = roleOf(input.name);
    if (role === undefined || !input.isTensor)
      throw invalid(`${folder.weightsPath} has the inputs ${session.inputNames}; known are ${NAMES}`);
    const { name, type, shape } = input;
    const [, heads, , width] = shape;
    const { num_attention_heads: all, num_key_value_heads: own = all, hidden_size: hidden } = folder.config;
    const { head_dim: headDim = Number(hidden) / Number(all) } = folder.config;
    return {
      name,
      role,
      type: checkedType(name, role, type, folder),
      heads: Number(typeof heads === 'number' ? heads : own),
      headWidth: Number(typeof width === 'number' ? width : headDim),
      axes: shape.length,
    };
  });
  if (!inputs.some(({ role }) => role === 'input_ids'))
    throw invalid(`${folder.weightsPath} has no input input_ids; it has ${session.inputNames}`);
  const past = inputs.find((one) => one.role === 'past' && !(one.heads > 0 && one.headWidth > 0));
  if (past !== undefined)
    throw invalid(
      `neither ${folder.weightsPath} nor config.json says how many heads of which width ${past.name} has`,
    );
  if (inputs.some(({ role }) => role === 'task_id') && folder.tasks.length === 0)
    throw invalid(`${folder.weightsPath} has the input task_id, and config.json has no lora_adaptations`);
  return inputs;
}

/**
 * The output that a pooling reads.
 *
 * @throws NestbitError `MODEL_INVALID` when the graph gives no hidden state
 */
export function graphOutput(
  names: readonly string[],
  pooling: ModelFolder['pooling'],
  path: string,
): { readonly name: string; readonly pooled: boolean } {
  const tokens =
    TOKEN_OUTPUTS.find((name) => names.includes(name)) ?? names.find((name) => couldBeTokens(name));
  const pooled = POOLED_OUTPUTS.find((name) => names.includes(name));
  const own = pooling === 'output' || (pooling === undefined && pooled === 'sentence_embedding');
  if (own && pooled !== undefined) return { name: pooled, pooled: true };
  if (own) throw invalid(`${path} has the outputs ${names}, none of which is ${POOLED_OUTPUTS.join(' or ')}`);
  if (tokens !== undefined) return { name: tokens, pooled: false };
  const instead =
    pooled === undefined
      ? 'export the model for the task feature-extraction: optimum-cli export onnx --task feature-extraction …'
      : `set pooling to output to use its ${pooled}`;
  throw invalid(`${path} has the outputs ${names}, and none is the hidden state of the tokens; ${instead}`);
}

/** Whether an output that has no usual name may be the hidden state: scores and caches are not. */
function couldBeTokens(name: string): boolean {
  return !/logit|score|prob|present|past|pooler|sentence_embedding/i.test(name);
}

function roleOf(name: string): Role | undefined {
  if (/^past_key_values?\.|^past\.|^past_key_self/.test(name)) return 'past';
  return [...TOKEN_ROLES, 'task_id' as const, 'use_cache_branch' as const].find((role) => role === name);
}

function checkedType(name: string, role: Role, type: string, folder: ModelFolder): InputType {
  const known: readonly string[] =
    role === 'past' ? ['float32', 'float16'] : role === 'use_cache_branch' ? ['bool'] : ['int64', 'int32'];
  if (known.includes(type)) return type as InputType;
  throw invalid(`${folder.weightsPath} takes ${name} as ${type}; nestbit gives ${known.join(' or ')}`);
}
