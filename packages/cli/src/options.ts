import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';

/** Parsers of option values; what they refuse is bad usage. */
export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('it must be a whole number.');
  return Number(text);
}

/** An id that is a whole number of 64 bits. */
export function wholeId(text: string): bigint {
  if (!/^-?\d+$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text))
    throw new InvalidArgumentError('it must be a whole number of at most 64 bits.');
  return BigInt(text);
}

/** Numbers divided by commas: `10,20`. */
export function numberList(text: string): number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.some((value) => !Number.isFinite(value)))
    throw new InvalidArgumentError('it must be numbers: 10,20.');
  return values;
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('it must be a number above 0.');
  return value;
}

/** Adds the argument of a Postgres URL, which NESTBIT_URL stands for. */
export function urlArgument(command: Command): Command {
  const description = 'postgres://host/database or pglite:PATH; default: NESTBIT_URL';
  const url = process.env['NESTBIT_URL'];
  return url === undefined || url === ''
    ? command.argument('<postgres-url>', description)
    : command.argument('[postgres-url]', description, url);
}
