import { NestbitError } from '@nestbit/core';

/**
 * The pages of an LMDB file as the `lmdb` package writes them (data version 2, little-endian, 64 bits; `mdb.c` of its
 * liblmdb defines them). Nothing that a page says is used before it is checked.
 */

/** Bytes of a page's header: number, transaction, padding, flags, lower and upper bound of the free space. */
export const HEADER = 24;
/** What LMDB writes for the root of an empty tree; any number this large is none. */
const NO_PAGE = 2 ** 52;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const META = 8;
/** Bytes of a node before its key. */
const NODE = 8;
/** The value of a node lies on pages of its own; the value is a tree. */
const BIG = 1;
const SUBTREE = 2;

/** One B+ tree of the file. */
export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined: the tree is empty. */
  readonly root: number | undefined;
}

/** One of the two meta pages: where a snapshot begins. */
export interface Meta {
  readonly pageSize: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly txn: number;
}

/** One key of a leaf, and where its value is. */
export interface LeafNode {
  readonly key: Buffer;
  /** Absent: the value lies on pages of its own. */
  readonly value: Buffer | undefined;
  readonly size: number;
  readonly subtree: boolean;
  /** First and number of the value's own pages. */
  readonly overflow: { readonly page: number; readonly pages: number } | undefined;
}

export function damaged(path: string, what: string): NestbitError {
  return new NestbitError('STORE_DAMAGED', `${path} is damaged: ${what}. Restore the store from a copy.`);
}

/** A 64-bit number; one beyond 2^53 comes out too large for any check. */
export function u64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

export function readTree(bytes: Buffer, at: number): Tree {
  const root = u64(bytes, at + 40);
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: u64(bytes, at + 8),
    leafPages: u64(bytes, at + 16),
    overflowPages: u64(bytes, at + 24),
    entries: u64(bytes, at + 32),
    root: root > NO_PAGE ? undefined : root,
  };
}

/** Bytes that `readMeta` needs. */
export const META_BYTES: number = HEADER + 144;

/** @throws NestbitError `STORE_DAMAGED` */
export function readMeta(path: string, bytes: Buffer, number: number): Meta {
  const at = HEADER;
  const pageSize = bytes.readUInt32LE(at + 24);
  const whole =
    (bytes.readUInt16LE(18) & META) !== 0 &&
    bytes.readUInt32LE(at) === 0xbeefc0de &&
    bytes.readUInt32LE(at + 4) === 2 &&
    // The file's flags: keys of the free list are integers, nothing else.
    bytes.readUInt16LE(at + 28) === 8 &&
    pageSize >= 512 &&
    pageSize <= 65_536 &&
    (pageSize & (pageSize - 1)) === 0;
  if (!whole) throw damaged(path, `meta page ${number} is none`);
  return {
    pageSize,
    free: readTree(bytes, at + 24),
    main: readTree(bytes, at + 72),
    lastPage: u64(bytes, at + 120),
    txn: u64(bytes, at + 128),
  };
}

/** A page of a tree: what it holds lies within it, in one piece, and its nodes don't overlap. */
export class TreePage {
  readonly bytes: Buffer;
  readonly leaf: boolean;
  readonly count: number;

  /**
   * @param least keys that the page has at least
   * @throws NestbitError `STORE_DAMAGED`
   */
  constructor(path: string, bytes: Buffer, number: number, txn: number, leaf: boolean, least: number) {
    const lower = bytes.readUInt16LE(20);
    const upper = bytes.readUInt16LE(22);
    const room = bytes.length - HEADER;
    const sound =
      u64(bytes, 0) === number &&
      u64(bytes, 8) <= txn &&
      bytes.readUInt16LE(18) === (leaf ? LEAF : BRANCH) &&
      lower % 2 === 0 &&
      lower <= upper &&
      upper <= room &&
      lower / 2 >= least;
    if (!sound) throw damaged(path, `page ${number} is no ${leaf ? 'leaf' : 'branch'} of its tree`);
    this.bytes = bytes;
    this.leaf = leaf;
    this.count = lower / 2;
    let used = 0;
    for (let i = 0; i < this.count; i++) {
      const at = bytes.readUInt16LE(HEADER + 2 * i);
      const size = at % 2 === 0 && at >= upper && at + NODE <= room ? this.#size(at + HEADER) : room + 1;
      if (at + size > room + 1) throw damaged(path, `node ${i} of page ${number} does not lie in it`);
      used += size;
    }
    if (used !== room - upper) throw damaged(path, `the nodes of page ${number} overlap`);
  }

  key(i: number): Buffer {
    const at = this.#place(i);
    return this.bytes.subarray(at + NODE, at + NODE + this.bytes.readUInt16LE(at + 6));
  }

  /** Page below a branch's node. */
  child(i: number): number {
    const at = this.#place(i);
    return this.bytes.readUInt32LE(at) + this.bytes.readUInt16LE(at + 4) * 2 ** 32;
  }

  node(i: number): LeafNode {
    const at = this.#place(i);
    const key = this.key(i);
    const flags = this.bytes.readUInt16LE(at + 4);
    const size = this.bytes.readUInt32LE(at);
    const data = at + NODE + key.length;
    const subtree = (flags & SUBTREE) !== 0;
    if ((flags & BIG) === 0)
      return { key, value: this.bytes.subarray(data, data + size), size, subtree, overflow: undefined };
    const overflow = { page: u64(this.bytes, data), pages: u64(this.bytes, data + 16) };
    return { key, value: undefined, size, subtree, overflow };
  }

  #place(i: number): number {
    return HEADER + this.bytes.readUInt16LE(HEADER + 2 * i);
  }

  // Bytes of the node at an offset, which are an even number.
  #size(at: number): number {
    const key = NODE + this.bytes.readUInt16LE(at + 6);
    if (!this.leaf) return even(key);
    const flags = this.bytes.readUInt16LE(at + 4);
    if (flags > SUBTREE) return this.bytes.length;
    return even(key + (flags === BIG ? 24 : this.bytes.readUInt32LE(at)));
  }
}

/** Whether a page begins a value of some size. */
export function isOverflow(bytes: Buffer, number: number, pages: number): boolean {
  return u64(bytes, 0) === number && bytes.readUInt16LE(18) === OVERFLOW && bytes.readUInt32LE(20) === pages;
}

function even(size: number): number {
  return size + (size % 2);
}
