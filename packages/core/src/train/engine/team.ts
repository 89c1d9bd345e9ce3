const WAITING = 0;
const GENERATION = 1;
const FAILED = 2;
const STOPPED = 3;
const RATE = 4;
const EPSILON = 5;
const TOKENS = 6;
/** Milliseconds of one wait, and how many of them are longer than any phase of a step. */
const WAIT = 1000;
const PATIENCE = 300;

/** Thrown in every thread when one of them fails. */
export class TeamFailed extends Error {}

/** What the leader tells the others of a step. */
export interface Step {
  /** Learning rate and epsilon, bias corrections included. */
  readonly rate: number;
  readonly epsilon: number;
  /** Distinct tokens of the batch. */
  readonly tokens: number;
}

/** Threads that work through the phases of a step in step: a barrier and shared numbers in the first bytes. */
export class Team {
  readonly thread: number;
  readonly threads: number;
  readonly buffer: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #numbers: Float32Array;

  constructor(buffer: SharedArrayBuffer, thread: number, threads: number) {
    this.thread = thread;
    this.threads = threads;
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, 16);
    this.#numbers = new Float32Array(buffer, 0, 16);
  }

  /** Returns once every thread has come here, or at once after `stop`. */
  barrier(): void {
    const control = this.#control;
    if (this.stopped) return;
    const generation = Atomics.load(control, GENERATION);
    if (Atomics.add(control, WAITING, 1) === this.threads - 1) {
      Atomics.store(control, WAITING, 0);
      Atomics.add(control, GENERATION, 1);
      Atomics.notify(control, GENERATION);
    }
    // Many short waits, since a process that is halted for an hour (Ctrl-Z) loses only one of them.
    let waits = 0;
    while (Atomics.load(control, GENERATION) === generation && !this.stopped) {
      if (Atomics.wait(control, GENERATION, generation, WAIT) === 'timed-out' && ++waits === PATIENCE)
        this.fail();
    }
    if (Atomics.load(control, FAILED) !== 0) throw new TeamFailed('a training thread failed');
  }

  /** This thread's part of 0 … count, in pieces of a multiple of `of`. */
  part(count: number, of: number): [from: number, to: number] {
    const pieces = Math.ceil(count / of);
    const cut = (thread: number): number =>
      Math.min(count, Math.floor((pieces * thread) / this.threads) * of);
    return [cut(this.thread), cut(this.thread + 1)];
  }

  /** Ends the others at their next barrier. */
  fail(): void {
    Atomics.store(this.#control, FAILED, 1);
    this.#wake();
  }

  get step(): Step {
    return {
      rate: this.#numbers[RATE],
      epsilon: this.#numbers[EPSILON],
      tokens: Atomics.load(this.#control, TOKENS),
    };
  }

  set step({ rate, epsilon, tokens }: Step) {
    this.#numbers[RATE] = rate;
    this.#numbers[EPSILON] = epsilon;
    Atomics.store(this.#control, TOKENS, tokens);
  }

  get stopped(): boolean {
    return Atomics.load(this.#control, STOPPED) !== 0;
  }

  /** Tells the others, who wait for a step, that none comes. */
  stop(): void {
    Atomics.store(this.#control, STOPPED, 1);
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#control, GENERATION, 1);
    Atomics.notify(this.#control, GENERATION);
  }
}
