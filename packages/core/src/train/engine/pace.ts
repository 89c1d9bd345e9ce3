import type { TrainProgress } from '../settings.ts';
import type { Position } from './trainer.ts';

/** Milliseconds between two reports of progress. */
const EVERY = 250;

/** Rate and time left of the steps. */
export class Pace {
  readonly #steps: number;
  readonly #first: number;
  readonly #batch: number;
  readonly #started: number = performance.now();
  #told = 0;

  constructor(steps: number, first: number, batch: number) {
    this.#steps = steps;
    this.#first = first;
    this.#batch = batch;
  }

  get due(): boolean {
    return performance.now() - this.#told > EVERY;
  }

  progress({ step, loss }: Position): TrainProgress {
    this.#told = performance.now();
    const seconds = (this.#told - this.#started) / 1000;
    const perSecond = (step - this.#first) / seconds;
    return {
      phase: 'training',
      done: step,
      total: this.#steps,
      loss,
      rate: perSecond * this.#batch,
      secondsLeft: (this.#steps - step) / perSecond,
    };
  }
}
