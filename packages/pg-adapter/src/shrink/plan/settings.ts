import type { Pool } from 'pg';

/** A setting of the server that would help. */
export interface Advice {
  readonly setting: string;
  readonly now: string;
  readonly better: string;
  readonly why: string;
}

export interface ServerSettings {
  /** Bytes. */
  readonly maintenanceWorkMem: number;
  readonly sharedBuffers: number;
  readonly maxWalSize: number;
  /** Processes beside the leader that can build an index. */
  readonly workers: number;
}

export async function serverSettings(pool: Pool): Promise<ServerSettings> {
  const { rows } = await pool.query<{
    mwm: string;
    buffers: string;
    wal: string;
    maintenance: number;
    parallel: number;
    processes: number;
  }>(
    `select pg_size_bytes(current_setting('maintenance_work_mem')) as mwm, pg_size_bytes(current_setting('shared_buffers')) as buffers,
            pg_size_bytes(current_setting('max_wal_size')) as wal, current_setting('max_parallel_maintenance_workers')::int as maintenance,
            current_setting('max_parallel_workers')::int as parallel, current_setting('max_worker_processes')::int as processes`,
  );
  const [row] = rows;
  return {
    maintenanceWorkMem: Number(row.mwm),
    sharedBuffers: Number(row.buffers),
    maxWalSize: Number(row.wal),
    workers: Math.min(row.maintenance, row.parallel, row.processes),
  };
}

/** What would help, given what will be written. */
export function adviceFor(settings: ServerSettings, codes: number, index: number): Advice[] {
  const advice: Advice[] = [];
  const add = (setting: string, now: number, better: number, why: string): void => {
    if (now < better) advice.push({ setting, now: size(now), better: size(better), why });
  };
  add(
    'maintenance_work_mem',
    settings.maintenanceWorkMem,
    index * 1.1,
    'the graph is built in memory when it fits, and many times slower when it does not; for the session of shrink alone: options=-c maintenance_work_mem=…',
  );
  add(
    'shared_buffers',
    settings.sharedBuffers,
    index,
    'searches read the index all over; it should stay in memory',
  );
  add(
    'max_wal_size',
    settings.maxWalSize,
    (codes + index) / 2,
    'fewer checkpoints while codes and index are written',
  );
  if (settings.workers < 2 && index > 0) {
    advice.push({
      setting: 'max_parallel_maintenance_workers',
      now: String(settings.workers),
      better: '2 or more, as cores are free',
      why: 'the index is built by so many processes more than one',
    });
  }
  return advice;
}

function size(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)}GB` : `${Math.ceil(bytes / 2 ** 20)}MB`;
}
