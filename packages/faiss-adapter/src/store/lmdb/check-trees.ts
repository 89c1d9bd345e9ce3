import { Turns } from '@nestbit/core';
import { byBytes, byUint64, type Compare, checkDepth, comparison, type LmdbFile } from './lmdb-file.ts';
import { damaged, type LeafNode, type Meta, readTree, type Tree, u64 } from './page.ts';

/** Told each pair of a table in the order of its keys. */
export type Visit = (key: Buffer, value: Buffer) => void;

/**
 * Walks a whole LMDB file before LMDB maps it: every page up to the last is a meta page, a page of one tree, part of
 * one value or free, and just one of these; trees have the depth, the order and the counts that they claim. LMDB
 * writes to pages that are said to be free, so a wrong free list would destroy rows later.
 *
 * @param visits what to call for the pairs of the tables
 * @throws NestbitError `STORE_DAMAGED`
 */
export async function checkTrees(
  file: LmdbFile,
  meta: Meta,
  visits: ReadonlyMap<string, Visit>,
): Promise<void> {
  const pages = new Pages(file, meta);
  const tables: [string, Tree][] = [];
  await pages.walk(meta.main, byBytes, 2, (node) => {
    if (!node.subtree) return;
    if (node.value?.length !== 48) throw damaged(file.path, 'a table has no tree');
    tables.push([node.key.toString('latin1').replace(/\0$/, ''), readTree(node.value, 0)]);
  });
  for (const [name, tree] of tables) {
    const visit = visits.get(name);
    if (visit === undefined) throw damaged(file.path, `it has a table ${JSON.stringify(name)}`);
    await pages.walk(tree, comparison(file.path, tree), 2, (node) => visit(node.key, file.value(meta, node)));
  }
  const free: Buffer[] = [];
  await pages.walk(meta.free, byUint64, 1, (node) => {
    free.push(Buffer.from(file.value(meta, node)));
  });
  for (const list of free) pages.takeFree(list);
  pages.checkAllTaken();
}

class Pages {
  readonly #file: LmdbFile;
  readonly #meta: Meta;
  readonly #taken: Uint8Array;
  readonly #turns = new Turns();

  constructor(file: LmdbFile, meta: Meta) {
    this.#file = file;
    this.#meta = meta;
    // The last pages may be free and not in the file yet, but not many more than it has.
    if (meta.lastPage < 1 || meta.lastPage > 2 * (file.bytes / meta.pageSize) + 65_536)
      throw damaged(file.path, `its last page is ${meta.lastPage}`);
    this.#taken = new Uint8Array(meta.lastPage + 1);
    this.#taken.fill(1, 0, 2);
  }

  async walk(
    tree: Tree,
    compare: Compare,
    leastChildren: number,
    visit: (node: LeafNode) => void,
  ): Promise<void> {
    const { path } = this.#file;
    const counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    const integers = compare === byBytes ? 0 : compare === byUint64 ? 8 : 4;
    const below = async (
      number: number,
      level: number,
      low: Buffer | undefined,
      high: Buffer | undefined,
    ): Promise<void> => {
      if (this.#turns.due) await this.#turns.give();
      const leaf = level === tree.depth;
      const page = this.#file.page(this.#meta, number, leaf, leaf ? 1 : leastChildren);
      this.#take(number, 1);
      counts[leaf ? 'leafPages' : 'branchPages']++;
      let before = low;
      for (let i = leaf ? 0 : 1; i < page.count; i++) {
        const key = page.key(i);
        const fits = integers === 0 ? key.length > 0 : key.length === integers;
        // A leaf's first key may be its branch's, the others come one after another.
        const order = before === undefined || !fits ? 1 : compare(key, before);
        if (
          !fits ||
          order < 0 ||
          (order === 0 && !(leaf && i === 0)) ||
          (high !== undefined && compare(key, high) >= 0)
        )
          throw damaged(path, `the keys of page ${number} are out of order`);
        before = key;
      }
      if (leaf) {
        counts.entries += page.count;
        for (let i = 0; i < page.count; i++) {
          const node = page.node(i);
          if (node.overflow !== undefined) {
            const { page: first, pages } = node.overflow;
            this.#file.value(this.#meta, node);
            this.#take(first, pages);
            counts.overflowPages += pages;
          }
          visit(node);
        }
        return;
      }
      for (let i = 0; i < page.count; i++)
        await below(
          page.child(i),
          level + 1,
          i === 0 ? low : page.key(i),
          i + 1 < page.count ? page.key(i + 1) : high,
        );
    };
    if (tree.root !== undefined) {
      checkDepth(path, tree);
      await below(tree.root, 1, undefined, undefined);
    } else if (tree.depth !== 0) throw damaged(path, 'a tree without pages has a depth');
    for (const [name, count] of Object.entries(counts))
      if (tree[name as keyof typeof counts] !== count)
        throw damaged(path, `a tree has ${count} ${name}, not ${tree[name as keyof typeof counts]}`);
  }

  /** Pages of a list of free ones: their number, then each, or a negative length and the first of a run. */
  takeFree(list: Buffer): void {
    const { path } = this.#file;
    const count = list.length % 8 === 0 && list.length > 0 ? u64(list, 0) : -1;
    if (count < 0 || 8 * (count + 1) > list.length) throw damaged(path, 'a list of free pages is cut');
    for (let i = 1; i <= count; i++) {
      const entry = list.readBigInt64LE(8 * i);
      if (entry === 0n) continue;
      const run = entry < 0n;
      if (run && i === count) throw damaged(path, 'a list of free pages is cut');
      if (run) i++;
      this.#take(Number(run ? list.readBigInt64LE(8 * i) : entry), run ? Number(-entry) : 1);
    }
  }

  checkAllTaken(): void {
    const lost = this.#taken.indexOf(0);
    if (lost >= 0) throw damaged(this.#file.path, `page ${lost} is neither used nor free`);
  }

  #take(first: number, count: number): void {
    if (first < 2 || count < 1 || first + count > this.#taken.length)
      throw damaged(this.#file.path, `there are no pages ${first} + ${count}`);
    for (let page = first; page < first + count; page++) {
      if (this.#taken[page] !== 0) throw damaged(this.#file.path, `page ${page} is used twice`);
      this.#taken[page] = 1;
    }
  }
}
