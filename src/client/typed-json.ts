/**
 * JSON that keeps what a result of PostgreSQL has and JSON lacks: times, bytes, integers of 64 bits, numbers that are none.
 * Such a value is `{"$": [type, text]}`; an object that has a `$` of its own is wrapped likewise.
 */
const TAG = "$";

export function toTypedJson(value: unknown): string {
  return JSON.stringify(tag(value));
}

export function fromTypedJson(text: string): unknown {
  return untag(JSON.parse(text));
}

function tag(value: unknown): unknown {
  if (typeof value === "bigint") return { [TAG]: ["bigint", value.toString()] };
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { [TAG]: ["number", Object.is(value, -0) ? "-0" : String(value)] };
  }
  if (value === undefined) return { [TAG]: ["undefined"] };
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return { [TAG]: ["date", String(value.getTime())] };
  if (value instanceof Uint8Array) return { [TAG]: ["bytes", toHex(value)] };
  if (Array.isArray(value)) return value.map(tag);
  const entries = Object.entries(value).map(([key, one]) => [key, tag(one)] as const);
  const plain = Object.fromEntries(entries);
  return Object.hasOwn(plain, TAG) ? { [TAG]: ["object", plain] } : plain;
}

function untag(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(untag);
  const tagged = (value as Record<string, unknown>)[TAG];
  return tagged === undefined ? untagAll(value) : fromTag(tagged as readonly unknown[]);
}

function untagAll(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, untag(one)]));
}

function fromTag([type, text]: readonly unknown[]): unknown {
  switch (type) {
    case "bigint":
      return BigInt(String(text));
    case "number":
      return Number(text);
    case "date":
      return new Date(Number(text));
    case "bytes":
      return fromHex(String(text));
    case "object":
      return untagAll(text as object);
    default:
      return undefined;
  }
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
