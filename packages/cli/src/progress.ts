import { Presets, SingleBar } from 'cli-progress';

/** A progress bar on the terminal's standard error, with rate and time left; nothing when piped. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  readonly #started = performance.now();
  readonly #total: number | undefined;
  #done = 0;

  constructor(what: string, total: number | undefined) {
    this.#total = total;
    if (!process.stderr.isTTY) return;
    const format =
      total === undefined
        ? `${what} {value} {rate}/s`
        : `${what} {bar} {percentage} % | {value}/{total} | {rate}/s | {eta_formatted} left`;
    this.#bar = new SingleBar(
      { format, stream: process.stderr, clearOnComplete: true, fps: 5 },
      Presets.shades_classic,
    );
    this.#bar.start(total ?? 0, 0, { rate: '-' });
  }

  add(count: number): void {
    this.#done += count;
    const rate = Math.round(this.#done / ((performance.now() - this.#started) / 1000));
    if (this.#total === undefined) this.#bar?.setTotal(this.#done);
    this.#bar?.update(this.#done, { rate });
  }

  stop(): void {
    this.#bar?.stop();
  }
}

/** Says on a terminal what goes on after the last row, which no bar can measure. */
export function sayPhase(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`nestbit: ${what} …\n`);
}
