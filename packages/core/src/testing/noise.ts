/** A linear congruential generator (Numerical Recipes): the state after this one. */
export function next(state: number): number {
  return (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
}

/** The number of a state, -0.5 to 0.5. */
export function centred(state: number): number {
  return state / 2 ** 32 - 0.5;
}
