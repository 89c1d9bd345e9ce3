import { NestbitError } from '@nestbit/core';
import type { Following } from '../follow/following.ts';
import { isServerOutage } from '../sql/failures.ts';

/** An encoder that threw: the failure of the rows that it was given, unless its service was not reachable. */
export class EncoderFailure extends NestbitError {
  constructor(cause: unknown) {
    super('ENCODER_FAILED', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Classes of SQLSTATE that say something of the data: cardinality and data exceptions, violated constraints, limits of the
 * program such as a row that is too long. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const OF_DATA = ['21', '22', '23', '54'];

/** An encoder's own failures that are not its rows': it is closed, or its work was ended. */
const NOT_OF_ROWS = ['ABORTED', 'ENCODER_CLOSED', 'CONNECTION_LOST', 'TIMEOUT', 'OUT_OF_MEMORY'];

/**
 * Whether a failure counts against the rows that were worked on. Only the encoder's and the data's own do; whatever else
 * fails, such as the database or the way to it, is an outage, after which the same rows are tried again.
 */
export function isOfRows(error: unknown): boolean {
  if (error instanceof EncoderFailure) return !chain(error).some(isOutage);
  return chain(error).some((one) => OF_DATA.includes(sqlState(one).slice(0, 2)));
}

/** What the network says (https://nodejs.org/api/errors.html#common-system-errors, and undici's) of a service that is not reachable. */
const UNREACHABLE =
  /^(E(CONN(REFUSED|RESET|ABORTED)|PIPE|TIMEDOUT|HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|NOTFOUND|AI_AGAIN)|UND_ERR_(CONNECT_TIMEOUT|HEADERS_TIMEOUT|BODY_TIMEOUT|SOCKET|CLOSED|DESTROYED))$/;

/** What `pg` says of a connection that was lost, without a code. */
const DROPPED = /^Connection terminated|connection.*(closed|ended)/i;

function isOutage(error: unknown): boolean {
  if (error instanceof NestbitError && NOT_OF_ROWS.includes(error.code)) return true;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && UNREACHABLE.test(code)) return true;
  return error instanceof Error && (isServerOutage(error) || DROPPED.test(error.message));
}

// A NestbitError's own code is none of the server's.
function sqlState(error: unknown): string {
  const { code } = error as { code?: unknown };
  return error instanceof Error &&
    !(error instanceof NestbitError) &&
    typeof code === 'string' &&
    /^[0-9A-Z]{5}$/.test(code)
    ? code
    : '';
}

/** An error and its causes, and the parts of an AggregateError, as connecting to several addresses gives it. */
function chain(error: unknown): unknown[] {
  const all: unknown[] = [];
  const add = (one: unknown): void => {
    if (!(one instanceof Error) || all.includes(one)) return;
    all.push(one);
    add(one.cause);
    if (one instanceof AggregateError) for (const part of one.errors) add(part);
  };
  add(error);
  return all;
}

/** Tells of triggers that were not as they should be, and are again. */
export function missed({ name, sync: { source } }: Following, problems: readonly string[]): NestbitError {
  return new NestbitError(
    'STORE_DAMAGED',
    `Changes of ${source.schema}.${source.table} were missed by the store ${name}: ${problems.join('; ')}. ` +
      'The triggers are back, and every code is compared with its row.',
  );
}
