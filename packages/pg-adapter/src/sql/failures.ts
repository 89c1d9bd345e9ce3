import { NestbitError, type NestbitErrorCode } from '@nestbit/core';

/** What Postgres says of an error, as `pg` gives it. */
interface ServerError extends Error {
  readonly code?: string;
  readonly detail?: string;
}

/** Lost on the way: the same call may work on another connection. Too many connections; a standby after a failover. */
const LOST = ['57P01', '57P02', '57P03', '57P05', '53300', '25006'];
/** Class 08: connection exceptions. */
const CONNECTION_CLASS = '08';
/** Serialization failure, deadlock. */
const CLASHES = ['40001', '40P01'];

const NAMED: readonly [readonly string[], NestbitErrorCode, string][] = [
  [['42501'], 'PERMISSION_DENIED', 'Grant what docs/postgres.md lists to the role that connects.'],
  [['53100', '53200', '54000'], 'DATABASE_FULL', 'Nothing of the batch is stored; make room and try again.'],
  [['57014'], 'TIMEOUT', 'Raise statement_timeout for this role, or give smaller batches.'],
  [['55P03'], 'TIMEOUT', 'Another session holds a lock; try again, or raise lock_timeout.'],
  [['42P01', '3F000'], 'TABLE_NOT_FOUND', 'Check the table, its schema and the database of the connection.'],
  [['22007', '22008'], 'FILTER_VALUE', 'Give a date that the calendar has, such as 2024-01-05T00:00:00Z.'],
  [['42703'], 'COLUMN_NOT_FOUND', 'Check the name of the column.'],
  [['22021', '22P05'], 'PAYLOAD_INVALID', 'Postgres keeps no NUL character in text or jsonb; leave it out.'],
  [
    ['25006'],
    'CONNECTION_LOST',
    'The server takes no writes: connect to the primary, or as a role whose default_transaction_read_only is off.',
  ],
  [
    ['53300'],
    'CONNECTION_LOST',
    'The server has no connection left: make the pools smaller, or raise max_connections.',
  ],
  [LOST, 'CONNECTION_LOST', 'What was acknowledged before is safe; try again when the server is back.'],
  [CLASHES, 'CONNECTION_LOST', 'Other sessions kept changing the same rows; try again.'],
];

function codeOf(error: unknown): string {
  return (error as ServerError | undefined)?.code ?? '';
}

/** Whether the server itself said it: its errors have a severity. */
function isOfServer(error: Error): boolean {
  return (error as { severity?: unknown }).severity !== undefined && /^[0-9A-Z]{5}$/.test(codeOf(error));
}

/**
 * Whether the same transaction may succeed when it is run once more. What the server did not say is a failure of the way
 * to it (names, sockets, timeouts, a client that cannot be used any more), unless the caller or nestbit itself threw it.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error) || isOwn(error)) return false;
  return !isOfServer(error) || isServerOutage(error);
}

/** Whether a server said that it, or the transaction, had to give up. */
export function isServerOutage(error: Error): boolean {
  const code = codeOf(error);
  return (
    isOfServer(error) && (LOST.includes(code) || CLASHES.includes(code) || code.startsWith(CONNECTION_CLASS))
  );
}

function isOwn(error: Error): boolean {
  return (
    error instanceof NestbitError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    error.name === 'AbortError' ||
    error.name === 'AssertionError'
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
