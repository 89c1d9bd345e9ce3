// Runs `Shrink.start` on the table `docs` of the database argv[2] when it is told so, until it is killed or done; waits for
// the lock of a process that was killed before it.
import { Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.argv[2] });
pool.on('error', () => {});
await pool.query('select 1');
process.once('message', async () => {
  const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
  for (;;) {
    try {
      const { phase } = await shrink.start({ rowsPerSecond: 5000, rangeMilliseconds: 20 });
      process.send?.({ phase });
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'STORE_LOCKED') {
        process.send?.({ error: String(error) });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
process.send?.('ready');
