import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { invalid } from './invalid.ts';
import { readJson } from './json-file.ts';

/** The modules of sentence-transformers that nestbit runs, by the last part of their class. */
export type ModuleKind =
  | 'Transformer'
  | 'StaticEmbedding'
  | 'Pooling'
  | 'Dense'
  | 'LayerNorm'
  | 'Normalize'
  | 'Dropout';

/** One entry of modules.json. */
export interface Module {
  readonly kind: ModuleKind;
  /** Folder of its files, inside the model folder. */
  readonly folder: string;
}

/** The modules of a folder in the order in which they run. */
export interface Modules {
  readonly list: readonly Module[];
  /** A transformer class of the model's author: the ONNX file has to hold all that it does. */
  readonly custom: string | undefined;
}

const KINDS: readonly ModuleKind[] = [
  'Transformer',
  'StaticEmbedding',
  'Pooling',
  'Dense',
  'LayerNorm',
  'Normalize',
  'Dropout',
];
/** Whole class names, as written up to version 5.3 of sentence-transformers and since. */
const CLASS = new RegExp(
  `^sentence_transformers\\.(?:models|(?:base|sentence_transformer)\\.modules)\\.(?:\\w+\\.)?(${KINDS.join('|')})$`,
);

/**
 * Reads modules.json; an empty list where there is none.
 *
 * @param onlyFirst whether the graph does what the other modules do, so that these may be of any class and order
 * @throws NestbitError `MODEL_INVALID` for a module that nestbit does not run, an order that it cannot run, or a path
 * outside the folder
 */
export async function readModules(folder: string, onlyFirst: boolean): Promise<Modules> {
  const path = join(folder, 'modules.json');
  const value = await readJson(path);
  if (value === undefined) return { list: [], custom: undefined };
  if (!Array.isArray(value)) throw invalid(`${path} holds no list of modules`);
  let custom: string | undefined;
  const list = value.map((entry: unknown, at): Module => {
    const { type, path: own = '' } = (entry ?? {}) as { type?: unknown; path?: unknown };
    if (typeof type !== 'string' || typeof own !== 'string')
      throw invalid(`module ${at} of ${path} has no type or a path that is not a string`);
    const known = CLASS.exec(type)?.[1] as ModuleKind | undefined;
    const kind = known ?? (at === 0 && /Transformer$/.test(type) ? 'Transformer' : undefined);
    const run = onlyFirst && at > 0 ? 'Dropout' : kind;
    if (run === undefined) throw unknownModule(path, type, at);
    if (at === 0 && known === undefined) custom = type;
    return { kind: run, folder: inside(folder, own, path) };
  });
  checkOrder(list, path);
  return { list, custom };
}

/**
 * The path of something that a model's file names, which must lie inside the model folder.
 *
 * @throws NestbitError `MODEL_INVALID`
 */
export function inside(folder: string, path: string, namedBy: string): string {
  const full = resolve(folder, path);
  const way = relative(resolve(folder), full);
  const outside = way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
  if (!outside && !path.includes('\0')) return full;
  throw invalid(`${namedBy} names ${JSON.stringify(path)}, which lies outside ${folder}`);
}

function checkOrder(list: readonly Module[], path: string): void {
  const at = (wanted: (kind: ModuleKind) => boolean): number => list.findIndex(({ kind }) => wanted(kind));
  const later = list.findIndex(
    ({ kind }, i) => i > 0 && (kind === 'Transformer' || kind === 'StaticEmbedding'),
  );
  const poolings = list.filter(({ kind }) => kind === 'Pooling').length;
  const pooling = at((kind) => kind === 'Pooling');
  const early = at((kind) => kind === 'Dense' || kind === 'LayerNorm' || kind === 'Normalize');
  if (later > 0)
    throw invalid(`module ${later} of ${path} is a ${list[later].kind}; only the first can be one`);
  if (poolings > 1) throw invalid(`${path} has ${poolings} Pooling modules; nestbit runs one`);
  if (pooling >= 0 && early >= 0 && early < pooling)
    throw invalid(
      `${path} runs ${list[early].kind} on the token vectors, before the pooling, which nestbit does not; ` +
        'export the whole model with its output sentence_embedding and set pooling to output',
    );
}

function unknownModule(path: string, type: string, at: number): Error {
  return invalid(
    `module ${at} of ${path} is of the class ${type}, which nestbit does not run (it runs ` +
      `${KINDS.join(', ')} of sentence_transformers); export the whole model to ONNX with its ` +
      'output sentence_embedding and set pooling to output',
  );
}
