import { NestbitError } from '@nestbit/core';
import { type EncodeOptions, Encoder, type EncoderOptions } from '@nestbit/core/onnx';
import { type Command, Option } from 'commander';
import { wholeNumber } from './options.ts';

/** The options of every command that encodes texts. */
export interface ModelOptions {
  readonly model?: string;
  readonly variant?: string;
  readonly pooling?: string;
  /** The text itself. */
  readonly prompt?: string;
  readonly promptName?: string;
  readonly maxLength?: number;
  readonly truncateDim?: number;
}

/** What belongs to --model, by the names of the flags. */
const FLAGS = {
  variant: '--variant',
  pooling: '--pooling',
  prompt: '--prompt',
  promptName: '--prompt-name',
  maxLength: '--max-length',
  truncateDim: '--truncate-dim',
} as const;

/** Adds the options of the encoder to a command that encodes texts of one kind. */
export function modelOptions(command: Command): Command {
  return encoderOptions(command)
    .addOption(
      new Option('--prompt <text>', 'text before each text, such as "query: "').conflicts('promptName'),
    )
    .option('--prompt-name <name>', 'prompt of the model before each text, such as document');
}

/** Adds the options that say which encoder it is. */
export function encoderOptions(command: Command): Command {
  return command
    .option('--model <folder>', 'model folder that encodes the texts')
    .option('--variant <name>', 'onnx/model_<name>.onnx')
    .option('--pooling <modes>', "mean, cls, max, …, several as cls,mean, or output; default: the folder's")
    .option('--max-length <n>', 'tokens of a text that count', wholeNumber)
    .option('--truncate-dim <n>', 'values of an embedding that are kept', wholeNumber);
}

/**
 * Refuses options of the encoder where no texts are encoded.
 *
 * @throws NestbitError `USAGE`
 */
export function checkModelOptions(options: ModelOptions): void {
  if (options.model !== undefined) return;
  const unused = Object.entries(FLAGS).find(([name]) => options[name as keyof typeof FLAGS] !== undefined);
  if (unused !== undefined)
    throw new NestbitError('USAGE', `${unused[1]} belongs to --model folder, which encodes texts.`);
}

/** An encoder, and how the command line wants each call of it. */
export interface OpenedEncoder {
  readonly encoder: Encoder;
  readonly prompt: Pick<EncodeOptions, 'prompt' | 'promptText'>;
}

/**
 * Opens the encoder that the command line describes.
 *
 * @param promptName name of the prompt where none is given
 * @throws NestbitError `USAGE`, `MODEL_INVALID`
 */
export async function openEncoder(
  model: string,
  options: ModelOptions,
  promptName?: string,
): Promise<OpenedEncoder> {
  const { variant, pooling, prompt: text, maxLength, truncateDim } = options;
  const modes = pooling?.split(',').map((mode) => mode.trim());
  const settings = {
    ...(variant !== undefined && { variant }),
    ...(modes !== undefined && { pooling: modes.length === 1 ? modes[0] : modes }),
    ...(maxLength !== undefined && { maxLength }),
    ...(truncateDim !== undefined && { truncateDimensions: truncateDim }),
  } as EncoderOptions;
  const encoder = await Encoder.open(model, settings).catch((error: unknown) => {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new NestbitError('USAGE', `${inFlags(error.message)}.`, { cause: error });
    throw error;
  });
  if (text !== undefined && isName(text, encoder)) {
    await encoder.close();
    throw new NestbitError(
      'USAGE',
      `--prompt is the text that is put before each text; for the prompt named ${text} give --prompt-name ${text}.`,
    );
  }
  const name = options.promptName ?? (text === undefined ? promptName : undefined);
  return {
    encoder,
    prompt: { ...(text !== undefined && { promptText: text }), ...(name !== undefined && { prompt: name }) },
  };
}

function inFlags(message: string): string {
  return message
    .replace(/^truncateDimensions/, '--truncate-dim')
    .replace(/^maxLength/, '--max-length')
    .replace(/^pooling/, '--pooling');
}

function isName(text: string, encoder: Encoder): boolean {
  return Object.hasOwn(encoder.prompts, text) || ['query', 'document', 'passage'].includes(text);
}
