import { expect, test } from 'vitest';
import { redacted } from '../../packages/cli/src/redact.ts';
import { connectTo, openPostgres } from '../../packages/cli/src/stores/postgres.ts';
import { refusal } from '../support/files.ts';

test('passwords of connection strings are not printed', () => {
  for (const [text, shown] of [
    ['rows are in postgres://ann:secret@host/db#docs', 'rows are in postgres://ann:***@host/db#docs'],
    [
      '{"store":"postgresql://ann:s%40cr:et@host:5432/db#docs"}',
      '{"store":"postgresql://ann:***@host:5432/db#docs"}',
    ],
    ['postgres://ann:se@cr/et#x@host/db', 'postgres://ann:***@host/db'],
    ['postgres://host/db?user=ann&password=secret#docs', 'postgres://host/db?user=ann&password=***#docs'],
    ['postgres://ann@host/db', 'postgres://ann@host/db'],
    ['faiss:folder', 'faiss:folder'],
  ])
    expect(redacted(text)).toBe(shown);
});

test('connection strings that pg would misread are a usage error without the password', async () => {
  for (const [uri, why] of [
    ['postgres://ann:se#cret@host/db#docs', /%23/],
    ['postgres://ann:secret@one,two/db#docs', /several hosts/],
    ['postgres://ann:secret%@host/db#docs', /%25/],
    ['postgres://ann:secret@host/db#do%cs', /%25/],
    ['postgres://ann:secret@host/db', /lacks its name/],
  ] as const) {
    const said = await refusal(() => openPostgres(uri, undefined));
    expect(said).toMatch(/^USAGE/);
    expect(said).toMatch(why);
    expect(said).not.toMatch(/secret|cret@/);
  }
  expect(await refusal(() => connectTo('http://ann:secret@host'))).toMatch(/^USAGE/);
});
