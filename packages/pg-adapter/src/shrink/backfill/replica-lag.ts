/**
 * How far the slowest replica is behind, from positions in the write-ahead log that are seen now and then. The
 * server's own `replay_lag` is of the last position that a replica reached: while one stands still, so does that.
 */
export class ReplicaLag {
  /** Where the server was, and when; the first is the last one that the replica has reached. */
  readonly #seen: { readonly at: number; readonly position: number }[] = [];

  /**
   * Notes where the server and its slowest replica are.
   *
   * @param at now, in milliseconds
   * @param server bytes of the write-ahead log written
   * @param replica bytes of it replayed
   * @param reported the server's own measure, in seconds: used for what was written before it was looked at first
   * @returns seconds
   */
  note(at: number, server: number, replica: number, reported: number): number {
    const seen = this.#seen;
    if (seen[seen.length - 1]?.position !== server) seen.push({ at, position: server });
    while (seen.length > 1 && seen[1].position <= replica) seen.shift();
    if (replica >= server) return 0;
    const known = seen[0].position <= replica;
    // The first position that the replica lacks.
    const since = (at - seen[known ? 1 : 0].at) / 1000;
    return known ? since : Math.max(since, reported);
  }
}
