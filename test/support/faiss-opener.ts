// Opens each store that it is sent and answers with what its search finds, or the code of the error; a crash is the
// end of this process and no answer.
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';

process.on('message', async (path: string) => {
  let store: FaissStore | undefined;
  let answer: string;
  try {
    store = await FaissStore.open(path);
    const queries = clusteredVectors(10, store.codec.inputDimensions);
    const found = await store.search(queries, { payloads: true, probes: 1000, efSearch: 500 });
    answer = JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  } catch (error) {
    answer = (error as { code?: string }).code ?? String(error);
  }
  try {
    await store?.close();
  } catch (error) {
    answer = `close: ${(error as { code?: string }).code ?? String(error)}`;
  }
  process.send?.(answer);
});
process.send?.('ready');
