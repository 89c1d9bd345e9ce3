/** `{schema}` stands for the quoted schema. Never changed once released: what comes later is another migration. */
export const registry = `
create table {schema}.stores (
  name text primary key,
  id_type text not null check (id_type in ('bigint', 'uuid', 'text')),
  layout text not null check (layout in ('inline', 'split')),
  dimensions integer not null,
  fingerprint text not null,
  codec text not null,
  fields text[] not null default '{}',
  source jsonb,
  created_at timestamptz not null default now()
);
comment on table {schema}.stores is 'nestbit: one row a store; its codes are in the table of the same name';
`;
