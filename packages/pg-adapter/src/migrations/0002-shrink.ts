/** Stores that follow a table. `{schema}` stands for the quoted schema. Never changed once released. */
export const shrink = `
create table {schema}.shrinks (
  name text primary key references {schema}.stores (name) on delete cascade,
  source_column text not null,
  kind text not null,
  settings jsonb not null default '{}',
  phase text not null default 'sync',
  paused boolean not null default false,
  workers jsonb,
  error text,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);
comment on table {schema}.shrinks is 'nestbit: one row a store whose codes follow a table';
create table {schema}.shrink_ranges (
  name text not null references {schema}.shrinks (name) on delete cascade,
  number bigint not null,
  after_id text,
  to_id text,
  done boolean not null default false,
  rows bigint not null default 0,
  nulls bigint not null default 0,
  null_ids text[] not null default '{}',
  bad bigint not null default 0,
  milliseconds double precision,
  done_at timestamptz,
  primary key (name, number)
);
comment on table {schema}.shrink_ranges is 'nestbit: key ranges of a backfill, after_id < id <= to_id in the order of the source';
create table {schema}.shrink_errors (
  name text not null references {schema}.shrinks (name) on delete cascade,
  id text not null,
  code text not null,
  message text not null,
  at timestamptz not null default now(),
  primary key (name, id)
);
comment on table {schema}.shrink_errors is 'nestbit: rows whose embeddings cannot be encoded; they have no codes';
`;
