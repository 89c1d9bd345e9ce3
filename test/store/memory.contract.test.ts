import { MemoryStore } from '@nestbit/core';
import { storeContract } from '@nestbit/core/testing';
import { test } from 'vitest';

for (const { name, run } of storeContract({ create: async (codec) => new MemoryStore({ codec }) })) {
  test(`memory store: ${name}`, run);
}
