/** Folder of the tests' own PostgreSQL. */
export const postgresRoot: string;
/** Folder of its programs, within the root. */
export const postgresBin: string;
