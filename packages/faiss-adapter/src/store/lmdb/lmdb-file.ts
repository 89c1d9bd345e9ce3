import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import {
  damaged,
  HEADER,
  isOverflow,
  type LeafNode,
  META_BYTES,
  type Meta,
  readMeta,
  readTree,
  type Tree,
  TreePage,
} from './page.ts';

/** Orders two keys of a tree. */
export type Compare = (a: Buffer, b: Buffer) => number;

/** Trees deeper than this hold more than any file. */
const DEEPEST = 16;

/** Keys of bytes come in the order of their bytes. */
export const byBytes: Compare = (a, b) => a.compare(b);
/** Keys that are little-endian integers of 32 and of 64 bits. */
export const byUint32: Compare = (a, b) => a.readUInt32LE(0) - b.readUInt32LE(0);
export const byUint64: Compare = (a, b) =>
  a.readBigUInt64LE(0) < b.readBigUInt64LE(0) ? -1 : Number(a.readBigUInt64LE(0) > b.readBigUInt64LE(0));

/** How the keys of a tree are compared, by its flags. @throws NestbitError `STORE_DAMAGED` */
export function comparison(path: string, { flags }: Tree): Compare {
  if (flags === 0) return byBytes;
  if (flags === 8) return byUint32;
  throw damaged(path, `a table has the flags ${flags}`);
}

/**
 * An LMDB file read without LMDB, which trusts its file and would crash on a damaged one: through `pread`, with every
 * number checked before it is used. It takes no lock and makes no file.
 */
export class LmdbFile {
  readonly path: string;
  readonly #file: number;
  #open = true;

  /** @throws NestbitError `STORE_DAMAGED` when there is no such file, or it is a folder or a pipe */
  constructor(path: string) {
    this.path = path;
    try {
      // A pipe in its place must not block.
      this.#file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      throw damaged(path, `it cannot be opened (${(error as Error).message})`);
    }
    if (fstatSync(this.#file).isFile()) return;
    this.close();
    throw damaged(path, 'it is no file');
  }

  get bytes(): number {
    return fstatSync(this.#file).size;
  }

  /** The newest snapshot, by the rule by which LMDB picks it. @throws NestbitError `STORE_DAMAGED` */
  meta(): Meta {
    const first = readMeta(this.path, this.#read(0, META_BYTES), 0);
    const second = readMeta(this.path, this.#read(first.pageSize, META_BYTES), 1);
    if (second.pageSize !== first.pageSize) throw damaged(this.path, 'its meta pages are of two files');
    return first.txn >= second.txn ? first : second;
  }

  /** A page of a tree. @throws NestbitError `STORE_DAMAGED` */
  page(meta: Meta, number: number, leaf: boolean, least: number): TreePage {
    if (number < 2 || number > meta.lastPage) throw damaged(this.path, `there is no page ${number}`);
    const bytes = this.#read(number * meta.pageSize, meta.pageSize);
    return new TreePage(this.path, bytes, number, meta.txn, leaf, least);
  }

  /** The value of a node, wherever it lies. @throws NestbitError `STORE_DAMAGED` */
  value(meta: Meta, { value, size, overflow }: LeafNode): Buffer {
    if (value !== undefined) return value;
    const { page, pages } = overflow as { page: number; pages: number };
    const needed = Math.floor((HEADER - 1 + size) / meta.pageSize) + 1;
    if (page < 2 || pages < needed || page + pages - 1 > meta.lastPage)
      throw damaged(this.path, `a value of ${size} bytes has the pages ${page} + ${pages}`);
    const bytes = this.#read(page * meta.pageSize, HEADER + size);
    if (!isOverflow(bytes, page, pages)) throw damaged(this.path, `page ${page} holds no value`);
    return bytes.subarray(HEADER);
  }

  /** A table of the main tree; undefined when it has none of that name. @throws NestbitError `STORE_DAMAGED` */
  table(meta: Meta, name: string): Tree | undefined {
    const node = this.find(meta, meta.main, byBytes, Buffer.from(`${name}\0`));
    if (node === undefined) return undefined;
    if (!node.subtree || node.value?.length !== 48) throw damaged(this.path, `${name} is no table`);
    return readTree(node.value, 0);
  }

  /** The node of a key. @throws NestbitError `STORE_DAMAGED` */
  find(meta: Meta, tree: Tree, compare: Compare, key: Buffer): LeafNode | undefined {
    if (tree.root === undefined) return undefined;
    checkDepth(this.path, tree);
    let number = tree.root;
    for (let level = 1; ; level++) {
      const leaf = level === tree.depth;
      const page = this.page(meta, number, leaf, leaf ? 1 : 2);
      checkKeys(this.path, page, compare, key.length);
      const at = lastNotAfter(page, compare, key);
      if (!leaf) {
        number = page.child(at);
        continue;
      }
      if (at < 0 || compare(page.key(at), key) !== 0) return undefined;
      return page.node(at);
    }
  }

  close(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const got = readSync(this.#file, bytes, done, length - done, offset + done);
      if (got === 0) throw damaged(this.path, `it ends before byte ${offset + length}`);
      done += got;
    }
    return bytes;
  }
}

/** @throws NestbitError `STORE_DAMAGED` */
export function checkDepth(path: string, { depth }: Tree): void {
  if (depth < 1 || depth > DEEPEST) throw damaged(path, `a tree is ${depth} levels deep`);
}

// Keys of integers have all one length; a comparison would read past a shorter one.
function checkKeys(path: string, page: TreePage, compare: Compare, length: number): void {
  if (compare === byBytes) return;
  for (let i = page.leaf ? 0 : 1; i < page.count; i++)
    if (page.key(i).length !== length) throw damaged(path, 'a key is of another length');
}

// The last node whose key is not after another; the first key of a branch stands for all before the second.
function lastNotAfter(page: TreePage, compare: Compare, key: Buffer): number {
  let low = page.leaf ? -1 : 0;
  let high = page.count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (compare(page.key(middle), key) <= 0) low = middle;
    else high = middle;
  }
  return low;
}
