import { wrongType } from '@nestbit/core';
import pg from 'pg';

/** Text as a quoted SQL literal, for the statements that take no parameters: COPY and DDL. */
export function literal(text: string): string {
  if (text.includes('\0'))
    throw wrongType(`${JSON.stringify(text)} holds NUL, which no text of Postgres may`);
  return pg.escapeLiteral(text).trimStart();
}
