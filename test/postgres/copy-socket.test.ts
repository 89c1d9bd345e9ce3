import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CopySocket } from '../../packages/pg-adapter/src/connection/copy-socket.ts';

/** A message as the server sends it. */
function message(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

let server: Server;
let peer: Promise<Socket>;
beforeAll(async () => {
  server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => {
  server.close();
});

async function connected(): Promise<CopySocket> {
  const { socket } = new CopySocket();
  peer = once(server, 'connection').then(([other]) => other as Socket);
  socket.connect((server.address() as { port: number }).port, '127.0.0.1');
  await once(socket, 'connect');
  return CopySocket.of(socket) as CopySocket;
}

test('wherever messages are cut, rows of a COPY go past and all others come as they were sent', async () => {
  const messages = fc.array(
    fc.tuple(fc.constantFrom('d', 'd', 'C', 'Z', 'c'), fc.uint8Array({ maxLength: 40 })),
    { minLength: 1, maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(
      messages,
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      async (all, cuts) => {
        const copy = await connected();
        const past: Buffer[] = [];
        const others: Buffer[] = [];
        copy.socket.on('data', (bytes) => others.push(Buffer.from(bytes)));
        copy.copyTo((bytes, from, end) => past.push(Buffer.from(bytes.subarray(from, end))));
        const bytes = Buffer.concat(all.map(([type, body]) => message(type, body)));
        const sender = await peer;
        sender.setNoDelay(true);
        for (let at = 0, i = 0; at < bytes.length; at += cuts[i++ % cuts.length])
          sender.write(bytes.subarray(at, at + cuts[i % cuts.length]));
        sender.end();
        await once(copy.socket, 'end');
        const sent = (copied: boolean): Buffer[] =>
          all
            .filter(([type]) => (type === 'd') === copied)
            .map(([type, body]) => (copied ? Buffer.from(body) : message(type, body)));
        expect(Buffer.concat(past).equals(Buffer.concat(sent(true)))).toBe(true);
        expect(Buffer.concat(others).equals(Buffer.concat(sent(false)))).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test('without a taker rows of a COPY come like all others; a paused socket reads nothing', async () => {
  const copy = await connected();
  const sender = await peer;
  const seen: Buffer[] = [];
  copy.socket.on('data', (bytes) => seen.push(bytes));
  const row = message('d', Buffer.alloc(70_000, 7));
  copy.socket.pause();
  sender.write(row);
  await sleep(50);
  expect(seen).toEqual([]);
  copy.socket.resume();
  sender.end();
  await once(copy.socket, 'end');
  expect(Buffer.concat(seen).equals(row)).toBe(true);
});
