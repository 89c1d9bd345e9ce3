import { Progress } from '../../progress.ts';

/** What a step tells. */
interface Told {
  readonly step: string;
  readonly done: number;
  readonly total: number;
  readonly note?: string;
}

/** A progress bar for each step in turn. */
export class StepProgress {
  #bar: Progress | undefined;
  #what = '';
  #last = 0;

  show({ step, done, total, note }: Told): void {
    // The index tells a share of 1.
    const scale = total === 1 ? 100 : 1;
    const what = note === undefined ? step : `${step} (${note})`;
    if (what !== this.#what) {
      this.stop();
      this.#bar = new Progress(what, total === 0 ? undefined : Math.round(total * scale));
      this.#what = what;
      this.#last = 0;
    }
    this.#bar?.add(Math.round(done * scale) - this.#last);
    this.#last = Math.round(done * scale);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#what = '';
  }
}
