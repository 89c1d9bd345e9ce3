/** What the workers of the sync need of a store that follows a table. `{schema}` stands for the quoted schema. */
export const sync = `
alter table {schema}.shrinks
  add column sweeps_wanted bigint not null default 0,
  add column sweeps_done bigint not null default 0;
comment on column {schema}.shrinks.sweeps_wanted is 'nestbit: counts TRUNCATEs; the workers then look for codes without a row';
`;
