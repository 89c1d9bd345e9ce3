import type { Cutover, Measured, ShrinkPlan, ShrinkStatus, Verification } from '@nestbit/pg-adapter';

/** Rows and faults that are printed; --json has all. */
const SHOWN = 20;

export function print(json: boolean, value: object, lines: () => string[]): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${lines().join('\n')}\n`);
}

const count = (n: number): string => Math.round(n).toLocaleString('en');

export function size(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes >= 1024 ? `${(mebibytes / 1024).toFixed(1)} GiB` : `${mebibytes.toFixed(1)} MiB`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function printPlan(plan: ShrinkPlan, json: boolean): void {
  print(json, plan, () => {
    const { source, rows, counted, sample, dimensions, bytes, seconds } = plan;
    const { added } = bytes;
    return [
      `${source.schema}.${source.table} (${source.id}), ${source.column}: ${source.kind} of ${dimensions.input} dimensions, ${dimensions.kept} kept`,
      `rows: ${counted ? '' : 'about '}${count(rows)}; of a sample of ${count(sample.sampled)}: ${count(sample.nulls)} NULL` +
        sample.others.map((other) => `, ${count(other.rows)} of ${other.dimensions} dimensions`).join(''),
      `bytes: the table ${size(bytes.table)}, its float indexes ${size(bytes.floatIndexes)}; added ${size(added.total)} ` +
        `(codes ${size(added.codes)}, keys ${size(added.keys)}, index ${size(added.index)})`,
      `time: backfill ${duration(seconds.backfill)}, index ${duration(seconds.index)}, by a trial on a sample`,
      'statements:',
      ...plan.statements.map(
        ({ step, sql, lock, note }) =>
          `  ${step}: ${sql.replaceAll(/\s+/g, ' ')};\n    -- lock on the table: ${lock} (${note})`,
      ),
      ...plan.settings.map(
        ({ setting, now, better, why }) => `setting: ${setting} is ${now}, better ${better}: ${why}`,
      ),
    ];
  });
}

export function printStatus(status: ShrinkStatus, json: boolean): void {
  print(json, status, () => {
    const { backfill, queue, index, errors, errorCount, nullExamples } = status;
    const lines = [
      `${status.name}: ${status.phase}${status.paused ? ', paused' : ''}${status.session === undefined ? '' : `, worked on by the session with pid ${status.session.pid}`}`,
      `rows: ${count(backfill.done)} of ${count(backfill.total)}; ${count(backfill.encoded)} encoded, ${count(backfill.nulls)} NULL, ${count(backfill.bad)} not to be encoded`,
    ];
    if (backfill.rate > 0)
      lines.push(`rate: ${count(backfill.rate)} rows/s, ${duration(backfill.secondsLeft ?? 0)} left`);
    if (queue !== undefined)
      lines.push(
        `queue: ${count(queue.depth)} changes${queue.depth > 0 ? `, the oldest of ${duration(queue.oldestSeconds)} ago` : ''}; ${queue.setAside.length} set aside`,
      );
    lines.push(...triggerLines(status.triggers));
    if (index !== undefined) {
      const building =
        index.building === undefined
          ? ''
          : `, ${index.building.phase} ${Math.round(100 * index.building.done)} %`;
      lines.push(
        `index: ${index.kind}, ${size(index.bytes)}, ${index.valid ? 'valid' : `not valid${building}`}`,
      );
    }
    if (status.codec.advice !== undefined) lines.push(`codec: ${status.codec.advice}`);
    if (status.replicaLagSeconds !== undefined)
      lines.push(`replica: ${duration(status.replicaLagSeconds)} behind`);
    if (nullExamples.length > 0) lines.push(`NULL, such as: ${nullExamples.join(', ')}`);
    lines.push(...errors.slice(0, SHOWN).map(({ id, code, message }) => `  ${id}: ${code}: ${message}`));
    if (errorCount > SHOWN)
      lines.push(`  and ${count(errorCount - SHOWN)} more (select * from nestbit.shrink_errors)`);
    for (const { id, attempts, error } of queue?.setAside ?? [])
      lines.push(`  ${id}: set aside after ${attempts} attempts: ${error}`);
    return lines;
  });
}

function triggerLines(problems: readonly string[]): string[] {
  return problems.length === 0
    ? []
    : [
        'changes of the table are missed; run shrink start or sync, which mend it:',
        ...problems.map((one) => `  ${one}`),
      ];
}

export function printVerification(result: Verification, json: boolean): void {
  print(json, result, () => {
    const { parity, recall, ok, repairing, triggers } = result;
    const lines = [
      ...triggerLines(triggers),
      `codes: ${count(parity.right)} of ${count(parity.rows)} rows right, ${count(parity.nulls)} NULL, ${count(parity.bad)} not to be encoded, ` +
        `${count(parity.pending)} waiting for a worker, ${count(parity.faults.length)} wrong${ok ? '' : ':'}`,
      ...parity.faults.slice(0, SHOWN).map(({ id, kind }) => `  ${id}: ${kind}`),
    ];
    if (parity.faults.length > SHOWN)
      lines.push(`  and ${count(parity.faults.length - SHOWN)} more (--json lists all)`);
    if (repairing > 0) lines.push(`${count(repairing)} rows are handed to the sync`);
    if (recall !== undefined) {
      lines.push(measured(`codes, k = ${recall.k}`, recall.codes));
      if (recall.floats !== undefined)
        lines.push(measured(`floats (${recall.floats.index ?? 'no index'})`, recall.floats));
    }
    return lines;
  });
}

function measured(what: string, { recall, interval, p50, p95, queries }: Measured): string {
  return (
    `${what}: recall ${recall.toFixed(4)} (95 %: ${interval.low.toFixed(3)} to ${interval.high.toFixed(3)}, Wilson, ${queries} queries), ` +
    `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`
  );
}

export function printCutover(cutover: Cutover, json: boolean): void {
  print(json, cutover, () => [
    `the application reads ${cutover.view} and ${cutover.search}(bits, candidates), or opens the store with PgStore.open`,
    'rights for its role:',
    ...cutover.grants.map((grant) => `  ${grant};`),
    'what may go, when nothing reads it any more (nothing of it was done):',
    ...cutover.advice.map(
      ({ statement, frees, note }) => `  ${statement};  -- about ${size(frees)}: ${note}`,
    ),
    'nestbit sync must go on running: it keeps the codes in step',
  ]);
}
