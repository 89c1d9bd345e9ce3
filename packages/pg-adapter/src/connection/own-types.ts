import type { CustomTypesConfig } from 'pg';
import { exactJson } from '../sql/exact-json.ts';

type Parser = (text: string) => unknown;

const number: Parser = Number;

/**
 * The elements of an array of numbers or of text without quotes to unwrap: `{1,2}`, `{a,"b c"}`. One dimension, which is all
 * that nestbit's own queries return.
 * https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
function listOf(parse: Parser): Parser {
  return (text) =>
    Array.from(text.matchAll(/[{,](?:"((?:[^"\\]|\\.)*)"|([^",{}]+))/gs), ([, quoted, plain]) => {
      if (quoted !== undefined) return parse(quoted.replaceAll(/\\(.)/gs, '$1'));
      return plain === 'NULL' ? null : parse(plain);
    });
}

/** Bytes in either format of `bytea_output`. https://www.postgresql.org/docs/current/datatype-binary.html */
function bytea(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex');
  const bytes = text.replaceAll(/\\(\\|[0-7]{3})/g, (_, escaped: string) =>
    escaped === '\\' ? '\\' : String.fromCharCode(Number.parseInt(escaped, 8)),
  );
  return Buffer.from(bytes, 'latin1');
}

const same: Parser = (text) => text;

/** By object id of the type. https://www.postgresql.org/docs/current/catalog-pg-type.html */
const PARSERS: Readonly<Record<number, Parser>> = {
  16: (text) => text === 't',
  17: bytea,
  21: number,
  23: number,
  26: number,
  700: number,
  701: number,
  114: exactJson,
  3802: exactJson,
  1003: listOf(same),
  1005: listOf(number),
  1007: listOf(number),
  1009: listOf(same),
  1015: listOf(same),
  1016: listOf(same),
};

// `pg` hands the types of a query on as those of its parameters too, and PGlite goes through them: there are none.
const NO_PARAMETERS = { length: 0, forEach: (): void => {} };

/**
 * How nestbit reads what its own queries return, whatever parsers the application has registered with `pg` or given to
 * its pool. Types that are not listed stay text, bigint among them.
 */
export const OWN_TYPES: CustomTypesConfig = Object.assign(
  { getTypeParser: ((oid: number) => PARSERS[oid] ?? same) as CustomTypesConfig['getTypeParser'] },
  NO_PARAMETERS,
);
