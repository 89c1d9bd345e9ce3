import type { CopyKind } from './copies.ts';
import type { Rotation } from './rotation.ts';
import type { ScalarSteps } from './scalars.ts';

/** Bytes of a plan in the kernels' memory. */
export const PLAN_BYTES: number = 64;

/** How the kernels encode a row: kernels/assembly/plan.ts. The last seven are pointers, 0 for what is left out. */
export interface Plan {
  readonly n: number;
  readonly copy: CopyKind;
  readonly copyBytes: number;
  readonly steps: ScalarSteps | undefined;
  readonly rotation: Rotation | undefined;
  readonly mean: number;
  readonly signs: number;
  readonly lo: number;
  readonly step: number;
  readonly bits: number;
  readonly scalars: number;
  readonly copies: number;
}

const KINDS: readonly CopyKind[] = ['calibrated', 'int8', 'int4', 'int16', 'none'];

/** Writes the fields of a plan in the order of kernels/assembly/plan.ts. */
export function writePlan(memory: Uint8Array, plan: Plan): void {
  const view = new DataView(memory.buffer, memory.byteOffset, PLAN_BYTES);
  const { steps, rotation } = plan;
  view.setFloat64(0, steps === undefined ? 0 : Math.sqrt(plan.n) / steps.f, true);
  view.setFloat64(8, steps === undefined ? 0 : 1 / steps.r, true);
  view.setFloat32(16, rotation?.scale ?? 1, true);
  const whole = [plan.n, rotation?.block ?? 0, KINDS.indexOf(plan.copy), plan.copyBytes];
  const pointers = [plan.mean, plan.signs, plan.lo, plan.step, plan.bits, plan.scalars, plan.copies];
  for (const [place, value] of [...whole, ...pointers].entries()) view.setInt32(20 + 4 * place, value, true);
}
