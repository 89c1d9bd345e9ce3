import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { invalid } from '../../onnx/model/invalid.ts';
import { parseJson } from '../../onnx/model/json-file.ts';
import { Tokens } from '../../onnx/tokens.ts';
import type { TokenizerFiles } from '../model/write-model.ts';
import type { TrainSettings } from '../settings.ts';
import { tokenizerConfig, tokenizerJson, trainWordPiece } from './wordpiece.ts';

/** A tokenizer, and its files for the model folder. */
export interface TrainTokenizer {
  readonly files: TokenizerFiles;
  readonly vocabulary: number;
  encode(text: string): readonly number[];
}

/**
 * The tokenizer of a tokenizer.json (or a folder that has one), or one that is trained on the texts.
 *
 * @throws NestbitError `MODEL_INVALID`
 */
export function trainTokenizer(settings: TrainSettings, texts: readonly string[]): TrainTokenizer {
  const files =
    settings.tokenizer === undefined
      ? {
          json: JSON.stringify(tokenizerJson(trainWordPiece(texts, settings.vocabulary))),
          config: JSON.stringify(tokenizerConfig(settings.maxLength), null, 2),
        }
      : readTokenizer(settings.tokenizer);
  const vocabulary = sizeOf(files.json);
  // The encoder's own class, so that a text gets the ids that it will get from the finished model.
  const folder = mkdtempSync(join(tmpdir(), 'nestbit-tokenizer-'));
  try {
    const tokenizerPath = join(folder, 'tokenizer.json');
    writeFileSync(tokenizerPath, files.json);
    const tokens = new Tokens({
      tokenizerPath,
      tokenizerConfig: parseJson(files.config, 'tokenizer_config.json') as Record<string, unknown>,
      config: {},
      lowerCase: false,
      maxLength: settings.maxLength,
    });
    if (
      settings.files.includes('safetensors') &&
      tokens.encode('a').length !== tokens.encodePlain('a').length
    )
      throw invalid(
        'its tokenizer puts special tokens around a text, which static models in safetensors leave out; set ' +
          'post_processor to null in tokenizer.json',
      );
    return { files, vocabulary, encode: (text) => tokens.encode(text) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readTokenizer(path: string): TokenizerFiles {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'tokenizer.json') : path;
  if (!existsSync(file)) throw invalid(`${file} does not exist`);
  const config = join(dirname(file), 'tokenizer_config.json');
  return {
    json: readFileSync(file, 'utf8'),
    config: existsSync(config) ? readFileSync(config, 'utf8') : '{}',
  };
}

/** The largest id + 1 of the vocabulary and the added tokens. */
function sizeOf(json: string): number {
  const parsed = parseJson(json, 'tokenizer.json') as {
    model?: { vocab?: unknown };
    added_tokens?: { id: number }[];
  };
  const vocab = parsed?.model?.vocab;
  if (typeof vocab !== 'object' || vocab === null) throw invalid('its tokenizer.json has no model.vocab');
  let most = Array.isArray(vocab) ? vocab.length - 1 : -1;
  if (!Array.isArray(vocab)) for (const id of Object.values(vocab)) most = Math.max(most, Number(id));
  for (const { id } of parsed.added_tokens ?? []) most = Math.max(most, id);
  return most + 1;
}
