/** A member of a document. */
export interface Member {
  /** A JSON Pointer (RFC 6901). */
  readonly pointer: string;
  readonly name: string;
  /** The name of the object that it is in; "" at the top. */
  readonly parent: string;
  readonly value: unknown;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** What an answer says of itself does not lie deeper. */
const DEPTH = 4;
/** An object with more members is a map. */
const MEMBERS = 200;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** All members of an object and of the objects in it, outer ones first; arrays are not entered. */
export function membersOf(document: unknown, depth = DEPTH): readonly Member[] {
  const found: Member[] = [];
  let level = isObject(document) ? [{ object: document, pointer: "", name: "" }] : [];
  for (let left = depth; left > 0; left--) {
    const inner: typeof level = [];
    for (const { object, pointer: outer, name: parent } of level) {
      for (const [name, value] of Object.entries(object).slice(0, MEMBERS)) {
        const pointer = `${outer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
        found.push({ pointer, name, parent, value });
        if (isObject(value)) inner.push({ object: value, pointer, name });
      }
    }
    level = inner;
  }
  return found;
}

/** A name as all spellings of it: `next_page_token` and `nextPageToken` are the same. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
