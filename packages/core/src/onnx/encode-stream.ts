import type { EncodeCall } from './encode-call.ts';
import type { Windows } from './windows.ts';

/** Records of a stream with their embeddings, in order. */
export interface EncodedBatch<T> {
  readonly records: T[];
  /** records × dimensions */
  readonly embeddings: Float32Array;
}

/** Encodes windows in order, reading ahead as far as keeps the workers busy. */
export async function* encodeWindows<T>(
  windows: Windows<T>,
  call: EncodeCall,
): AsyncGenerator<EncodedBatch<T>> {
  const pending: Promise<EncodedBatch<T>>[] = [];
  try {
    while (true) {
      const window = await call.orAborted(windows.next());
      if (window === undefined) break;
      const batch = call.encode(window.texts).then((embeddings) => ({ records: window.records, embeddings }));
      // It is awaited in its turn; until then a failure must not count as unhandled.
      batch.catch(() => {});
      pending.push(batch);
      if (pending.length <= call.slots) continue;
      yield await call.orAborted(pending.shift() as Promise<EncodedBatch<T>>);
    }
    for (const batch of pending) yield await call.orAborted(batch);
  } finally {
    call.end();
    await windows.close();
  }
}
