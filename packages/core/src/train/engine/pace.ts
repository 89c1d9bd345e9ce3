import type { TrainProgress } from '../settings.ts';

/** Milliseconds between two reports of progress. */
const EVERY = 250;

/** Loss, rate and time left of the steps. */
export class Pace {
  readonly #steps: number;
  readonly #first: number;
  readonly #batch: number;
  readonly #started: number = performance.now();
  /** Losses of the last tenth of the steps, at least one. */
  readonly #recent: number[] = [];
  #step: number;
  #told = 0;

  constructor(steps: number, first: number, batch: number) {
    this.#steps = steps;
    this.#first = first;
    this.#step = first;
    this.#batch = batch;
  }

  add(loss: number): void {
    this.#step++;
    this.#recent.push(loss);
    if (this.#recent.length > Math.max(1, this.#steps / 10)) this.#recent.shift();
  }

  get due(): boolean {
    return performance.now() - this.#told > EVERY;
  }

  /** Mean of the recent losses; NaN before the first step. */
  get last(): number {
    return this.#recent.reduce((sum, loss) => sum + loss, 0) / this.#recent.length;
  }

  progress(): TrainProgress {
    this.#told = performance.now();
    const seconds = (this.#told - this.#started) / 1000;
    const perSecond = (this.#step - this.#first) / seconds;
    return {
      phase: 'training',
      done: this.#step,
      total: this.#steps,
      loss: this.last,
      rate: perSecond * this.#batch,
      secondsLeft: (this.#steps - this.#step) / perSecond,
    };
  }
}
