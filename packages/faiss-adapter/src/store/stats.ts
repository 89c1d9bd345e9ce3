import { type Codec, codecAdvice } from '@nestbit/core';
import { addon, type IndexKind } from '../addon/native.ts';
import type { IndexKeeper } from './index-keeper.ts';
import { bytesOf, type StoreBytes } from './open-store.ts';
import type { View } from './view.ts';

export interface StoreStats {
  /** Rows stored. */
  readonly rows: number;
  /** Rows replaced or deleted, whose room a compaction gives back. */
  readonly dead: number;
  /** Bytes on disk. */
  readonly bytes: StoreBytes;
  readonly codec: {
    readonly fingerprint: string;
    readonly inputDimensions: number;
    readonly dimensions: number;
    readonly model: string | undefined;
    /** What a row keeps for the rescore. */
    readonly copy: string;
    /** What a newer codec would bring, and how to get there; absent where this one is up to date. */
    readonly advice?: string;
  };
  readonly index: {
    readonly kind: IndexKind;
    /** Rows in the index, dead ones too; the others are scanned. Flat: 0. */
    readonly rows: number;
  };
  /** The Hamming kernel of this machine. */
  readonly kernel: string;
}

export async function statsOf(view: View, keeper: IndexKeeper): Promise<StoreStats> {
  const { codec, index } = view.generation;
  const { fingerprint, inputDimensions, dimensions, settings, copy } = codec;
  return {
    rows: view.live,
    dead: view.rows - view.live,
    bytes: await bytesOf(view.generation),
    codec: { fingerprint, inputDimensions, dimensions, model: settings.model, copy, ...adviceFor(codec) },
    index: { kind: index.kind, rows: keeper.rows },
    kernel: addon().kernel,
  };
}

function adviceFor(codec: Codec): { readonly advice?: string } {
  const advice = codecAdvice(codec);
  if (advice === undefined) return {};
  const way = 'Make another store with a codec of nestbit calibrate, and ingest the embeddings into it.';
  return { advice: `${advice} ${way}` };
}
