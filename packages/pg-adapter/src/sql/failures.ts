import { NestbitError, type NestbitErrorCode } from '@nestbit/core';

/** What Postgres says of an error, as `pg` gives it. */
interface ServerError extends Error {
  readonly code?: string;
  readonly detail?: string;
}

/** Lost on the way: the same call may work on another connection. */
const LOST = [
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '08000',
  '08003',
  '08006',
];
/** Serialization failure, deadlock. */
const CLASHES = ['40001', '40P01'];

const NAMED: readonly [readonly string[], NestbitErrorCode, string][] = [
  [['42501'], 'PERMISSION_DENIED', 'Grant what docs/postgres.md lists to the role that connects.'],
  [['53100', '53200', '54000'], 'DATABASE_FULL', 'Nothing of the batch is stored; make room and try again.'],
  [['57014'], 'TIMEOUT', 'Raise statement_timeout for this role, or give smaller batches.'],
  [['55P03'], 'TIMEOUT', 'Another session holds a lock; try again, or raise lock_timeout.'],
  [['42P01', '3F000'], 'TABLE_NOT_FOUND', 'Check the table, its schema and the database of the connection.'],
  [['42703'], 'COLUMN_NOT_FOUND', 'Check the name of the column.'],
  [['22021', '22P05'], 'PAYLOAD_INVALID', 'Postgres keeps no NUL character in text or jsonb; leave it out.'],
  [LOST, 'CONNECTION_LOST', 'What was acknowledged before is safe; try again when the server is back.'],
  [CLASHES, 'CONNECTION_LOST', 'Other sessions kept changing the same rows; try again.'],
];

function codeOf(error: unknown): string {
  return (error as ServerError | undefined)?.code ?? '';
}

/** Whether the same transaction may succeed when it is run once more. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  return (
    LOST.includes(code) ||
    CLASHES.includes(code) ||
    /^Connection terminated|connection.*(closed|ended)/i.test(message)
  );
}

/** A failure of the server or the connection as a NestbitError, its cause kept; other errors as they are. */
export function translated(error: unknown): unknown {
  if (error instanceof NestbitError || error instanceof TypeError || error instanceof RangeError)
    return error;
  if (!(error instanceof Error)) return error;
  const code = codeOf(error);
  const { detail } = error as ServerError;
  const said = detail === undefined ? error.message : `${error.message} (${detail})`;
  const known = NAMED.find(([codes]) => codes.includes(code));
  if (known !== undefined)
    return new NestbitError(known[1], `Postgres: ${said}. ${known[2]}`, { cause: error });
  if (isTransient(error)) {
    return new NestbitError(
      'CONNECTION_LOST',
      `Postgres: ${said}. What was acknowledged before is safe; try again.`,
      {
        cause: error,
      },
    );
  }
  return new NestbitError('DATABASE_FAILED', `Postgres: ${said}${code === '' ? '' : ` [${code}]`}.`, {
    cause: error,
  });
}
