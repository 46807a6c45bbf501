/** Instructions of WebAssembly, as bytes. */
export type Code = readonly (number | Code)[];

type Instruction = (...operands: Code[]) => Code;

/** An instruction without immediates: its operands are computed before it. */
function plain(opcode: number): Instruction {
  return (...operands) => [...operands, opcode];
}

/** Of memory; `offset` is added to the address. */
function access(opcode: number): (offset: number, ...operands: Code[]) => Code {
  return (offset, ...operands) => [...operands, opcode, 0, unsigned(offset)];
}

const VOID = 0x40;

export const i32 = {
  const: (value: number): Code => [0x41, signed(BigInt(value))],
  add: plain(0x6a),
  sub: plain(0x6b),
  atLeast: plain(0x4f),
  load: access(0x28),
};

export const i64 = {
  const: (value: bigint): Code => [0x42, signed(BigInt.asIntN(64, value))],
  add: plain(0x7c),
  sub: plain(0x7d),
  mul: plain(0x7e),
  xor: plain(0x85),
  shiftRight: plain(0x88),
  rotateLeft: plain(0x89),
  of32: plain(0xad),
  ofDouble: plain(0xb1),
  load: access(0x29),
  load8: access(0x31),
  load32: access(0x35),
  store: access(0x37),
};

export const get = (local: number): Code => [0x20, unsigned(local)];
export const set = (local: number, value: Code): Code => [value, 0x21, unsigned(local)];

export const when = (condition: Code, then: Code, otherwise: Code = []): Code => [
  condition,
  [0x04, VOID],
  then,
  otherwise.length === 0 ? [] : [0x05, otherwise],
  0x0b,
];

/** Repeats the body as long as the condition, which is asked first, holds. */
export const loopWhile = (condition: Code, body: Code): Code => [
  [0x03, VOID],
  when(condition, [body, [0x0c, 1]]),
  0x0b,
];

const TYPES = { i32: 0x7f, i64: 0x7e, f64: 0x7c };
export type Type = keyof typeof TYPES;

/**
 * A module whose only function is exported as `run`, beside its `memory` of so many pages of 64 KiB. Its locals are
 * numbered: first the parameters, then the others.
 */
export function moduleOf(
  parameters: readonly Type[],
  locals: readonly Type[],
  pages: number,
  body: Code,
): Uint8Array<ArrayBuffer> {
  const code = [vector(locals.map((type) => [1, TYPES[type]])), body, 0x0b];
  const sections: readonly (readonly [number, Code])[] = [
    [1, vector([[0x60, vector(parameters.map((type) => [TYPES[type]])), 0]])],
    [3, vector([[0]])],
    [5, vector([[1, unsigned(pages), unsigned(pages)]])],
    [
      7,
      vector([
        [name("run"), 0, 0],
        [name("memory"), 2, 0],
      ]),
    ],
    [10, vector([sized(code)])],
  ];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  return Uint8Array.from(flat([header, ...sections.map(([id, content]) => [id, sized(content)])]));
}

function name(text: string): Code {
  return vector([...text].map((letter) => [letter.charCodeAt(0)]));
}

function vector(items: readonly Code[]): Code {
  return [unsigned(items.length), ...items];
}

function sized(content: Code): Code {
  return [unsigned(flat(content).length), content];
}

function flat(code: Code): number[] {
  return code.flatMap((each) => (typeof each === "number" ? each : flat(each)));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const isLast = rest === (low & 0x40 ? -1n : 0n);
  return isLast ? [low] : [low | 0x80, ...signed(rest)];
}
