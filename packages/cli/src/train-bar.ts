import type { TrainProgress } from '@nestbit/core/train';
import { Presets, SingleBar } from 'cli-progress';

/** A training's progress on the terminal's standard error: loss, rate and time left; nothing when piped. */
export class TrainBar {
  #phase: TrainProgress['phase'] | undefined;
  #bar: SingleBar | undefined;

  show(progress: TrainProgress): void {
    if (!process.stderr.isTTY) return;
    const { phase, done, total, loss, rate, secondsLeft } = progress;
    if (phase !== this.#phase) {
      this.stop();
      this.#phase = phase;
      const shares = total === undefined ? '{value}' : '{bar} {percentage} % | {value}/{total}';
      const format = `${phase} ${shares}${phase === 'training' ? ' | loss {loss} | {rate} pairs/s | {left} left' : ''}`;
      this.#bar = new SingleBar(
        { format, stream: process.stderr, clearOnComplete: true, fps: 5 },
        Presets.shades_classic,
      );
      this.#bar.start(total ?? 0, 0, { loss: '-', rate: '-', left: '-' });
    }
    this.#bar?.update(done, {
      loss: loss?.toFixed(3) ?? '-',
      rate: Math.round(rate ?? 0),
      left: time(secondsLeft ?? 0),
    });
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function time(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
