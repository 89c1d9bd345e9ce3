// Where the tests' own PostgreSQL 17 lies, in a folder with a system of its own.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../../node_modules/.cache/nestbit/', import.meta.url));

const given = process.env.NESTBIT_POSTGRES_ROOT;

/** NESTBIT_POSTGRES_ROOT, or a folder beside the packages. */
export const postgresRoot = given === undefined || given === '' ? join(cache, 'postgres-17') : resolve(given);
/** Within it. */
export const postgresBin = '/usr/lib/postgresql/17/bin';
