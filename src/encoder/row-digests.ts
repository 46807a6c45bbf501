import { type Region, regionOf } from "./region.ts";
import { type Code, get, i32, i64, loopWhile, moduleOf, set, type Type, when } from "./wasm-code.ts";

/** What is used of it here; its types belong to the browser's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: {
      readonly memory: { readonly buffer: ArrayBuffer };
      readonly run: (count: number, headBytes: number, counter: number, step: number) => void;
    };
  };
};

/** The second seed, before the counter is added. */
export const SECOND_SEED = 0x9e3779b97f4a7c15n;

/** The most rows that are hashed at once, and the most bytes. */
export const MAX_ROWS = 1024;
export const ROWS_BYTES = 512 * 1024;

/** In memory: where rows end, their digests, the rows. */
const PAGE_BYTES = 64 * 1024;
const ENDS_AT = 0;
const DIGESTS_AT = ENDS_AT + 4 * MAX_ROWS;
const ROWS_AT = PAGE_BYTES;

/** Constants of XXH64. */
const PRIMES = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const [P1, P2, P3, P4, P5] = PRIMES.map(i64.const) as [Code, Code, Code, Code, Code];

/** Locals: parameters, then others; the last two stand for six locals each, one set for each seed. */
const [COUNT, HEAD_BYTES, COUNTER, STEP, AT, START, END, NEXT_END, DIGEST, LENGTH, WORD, FIRST, SECOND] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 17,
] as const;
const LOCALS: readonly Type[] = [
  ...new Array<Type>(5).fill("i32"),
  ...new Array<Type>(2 + 2 * 6).fill("i64"),
];

const bits = (count: number) => i64.const(BigInt(count));
const bytes = i32.const;
const rotated = (value: Code, by: number) => i64.rotateLeft(value, bits(by));
const round = (input: Code) => i64.mul(rotated(input, 31), P1);

/** What is done for both seeds: their locals are the seed, the hash, and four lanes. */
const both = (work: (seed: number, hash: number, lanes: readonly number[]) => Code): Code =>
  [FIRST, SECOND].map((at) => work(at, at + 1, [at + 2, at + 3, at + 4, at + 5]));

const beginLanes = both((seed, _, lanes) => [
  set(lanes[0]!, i64.add(get(seed), i64.const(PRIMES[0] + PRIMES[1]))),
  set(lanes[1]!, i64.add(get(seed), P2)),
  set(lanes[2]!, get(seed)),
  set(lanes[3]!, i64.sub(get(seed), P1)),
]);

/** 32 bytes, eight for each lane. The product with the input is the same for both seeds. */
const stripe = [0, 1, 2, 3].map((lane) => [
  set(WORD, i64.mul(i64.load(8 * lane, get(AT)), P2)),
  both((_, __, lanes) => set(lanes[lane]!, round(i64.add(get(lanes[lane]!), get(WORD))))),
]);

const endLanes = both((_, hash, lanes) => [
  set(
    hash,
    [1, 7, 12, 18]
      .map((by, lane) => rotated(get(lanes[lane]!), by))
      .reduce((sum, lane) => i64.add(sum, lane)),
  ),
  ...lanes.map((lane) =>
    set(hash, i64.add(i64.mul(i64.xor(get(hash), round(i64.mul(get(lane), P2))), P1), P4)),
  ),
]);

const tail = (size: number, word: Code, by: number, factor: Code, summand: Code | null): Code => [
  set(WORD, word),
  both((_, hash) => {
    const mixed = i64.mul(rotated(i64.xor(get(hash), get(WORD)), by), factor);
    return set(hash, summand === null ? mixed : i64.add(mixed, summand));
  }),
  set(AT, i32.add(get(AT), bytes(size))),
];

const isLeft = (size: number) => i32.atLeast(i32.sub(get(END), get(AT)), bytes(size));

const avalanche = both((_, hash) => [
  set(hash, i64.mul(i64.xor(get(hash), i64.shiftRight(get(hash), bits(33))), P2)),
  set(hash, i64.mul(i64.xor(get(hash), i64.shiftRight(get(hash), bits(29))), P3)),
  set(hash, i64.xor(get(hash), i64.shiftRight(get(hash), bits(32)))),
]);

const hashRow: Code = [
  set(LENGTH, i64.of32(i32.sub(get(END), get(AT)))),
  when(
    isLeft(32),
    [beginLanes, loopWhile(isLeft(32), [stripe, set(AT, i32.add(get(AT), bytes(32)))]), endLanes],
    both((seed, hash) => set(hash, i64.add(get(seed), P5))),
  ),
  both((_, hash) => set(hash, i64.add(get(hash), get(LENGTH)))),
  loopWhile(isLeft(8), tail(8, round(i64.mul(i64.load(0, get(AT)), P2)), 27, P1, P4)),
  when(isLeft(4), tail(4, i64.mul(i64.load32(0, get(AT)), P1), 23, P2, P3)),
  loopWhile(isLeft(1), tail(1, i64.mul(i64.load8(0, get(AT)), P5), 11, P1, null)),
  avalanche,
];

const program = moduleOf(["i32", "i32", "f64", "i32"], LOCALS, (ROWS_AT + ROWS_BYTES) / PAGE_BYTES, [
  set(FIRST, i64.ofDouble(get(COUNTER))),
  set(START, bytes(ROWS_AT)),
  set(NEXT_END, bytes(ENDS_AT)),
  set(DIGEST, bytes(DIGESTS_AT)),
  loopWhile(get(COUNT), [
    set(SECOND, i64.add(get(FIRST), i64.const(SECOND_SEED))),
    set(AT, i32.add(get(START), get(HEAD_BYTES))),
    set(END, i32.add(i32.load(0, get(NEXT_END)), bytes(ROWS_AT))),
    hashRow,
    both((seed, hash) => i64.store(seed === FIRST ? 0 : 8, get(DIGEST), get(hash))),
    set(FIRST, i64.add(get(FIRST), i64.of32(get(STEP)))),
    set(START, get(END)),
    set(NEXT_END, i32.add(get(NEXT_END), bytes(4))),
    set(DIGEST, i32.add(get(DIGEST), bytes(16))),
    set(COUNT, i32.sub(get(COUNT), bytes(1))),
  ]),
]);

/**
 * Hashes many rows at once, with two seeds each, where they were written: a call and a copy for each of them would cost
 * as much as the hashes. All encoders of a process share this memory, one at a time.
 */
export class RowDigests {
  /** The rows, one behind the other from index 0 on. */
  readonly rows: Region;
  /** Where each row ends. */
  readonly ends: Int32Array;
  /** Of each row four words: the first hash, then the second, the low word of each first. */
  readonly words: Int32Array;
  readonly #run: (count: number, headBytes: number, counter: number, step: number) => void;

  constructor() {
    const { memory, run } = new WebAssembly.Instance(new WebAssembly.Module(program)).exports;
    const { buffer } = memory;
    this.#run = run;
    this.rows = regionOf(new Uint8Array(buffer, ROWS_AT, ROWS_BYTES));
    this.ends = new Int32Array(buffer, ENDS_AT, MAX_ROWS);
    this.words = new Int32Array(buffer, DIGESTS_AT, 4 * MAX_ROWS);
  }

  /**
   * Hashes the first rows, without the first `headBytes` of each. `counter` is added to both seeds of the first row,
   * and `step` more of each further row.
   */
  compute(count: number, headBytes: number, counter: number, step: 0 | 1): void {
    this.#run(count, headBytes, counter, step);
  }
}
