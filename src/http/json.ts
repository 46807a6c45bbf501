import { AmpsyncError } from "../errors.ts";
import { BRACKET, JsonScan } from "./json-scan.ts";

/** The parts of a JSON Pointer (RFC 6901). */
export function pointerParts(pointer: string): readonly string[] {
  const parts = pointer.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/**
 * The value at a pointer as the very text that stands in the document, so that no digit, order or repeated name is lost;
 * null if there is none. Of a name that is there twice the last one counts, as in PostgreSQL.
 */
export function textAt(json: Uint8Array, pointer: string): string | null {
  const scan = new JsonScan(json);
  let start = scan.skipWhite(0);
  for (const part of pointerParts(pointer)) {
    const found = childOf(scan, start, part);
    if (found === null) return null;
    start = found;
  }
  return scan.text(start, scan.endOf(start));
}

/** The document with this value, a JSON text, in this place, which is made where it is missing. */
export function withValueAt(document: string, pointer: string, value: string): string {
  const scan = new JsonScan(Buffer.from(document));
  const parts = pointerParts(pointer);
  let start = scan.skipWhite(0);
  for (const [level, part] of parts.entries()) {
    const found = childOf(scan, start, part);
    if (found === null) {
      const nested = parts
        .slice(level + 1)
        .reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, value);
      return withChild(scan, start, part, nested, pointer);
    }
    start = found;
  }
  return scan.text(0, start) + value + scan.text(scan.endOf(start), scan.json.length);
}

/** Where the value of this name or index starts; null: there is none. */
function childOf(scan: JsonScan, start: number, part: string): number | null {
  let found: number | null = null;
  if (scan.isContainer(start)) {
    scan.over(start, part, (value) => {
      found = value;
      return scan.endOf(value);
    });
  }
  return found;
}

function withChild(scan: JsonScan, start: number, part: string, value: string, pointer: string): string {
  const isArray = scan.json[start] === BRACKET;
  let items = 0;
  if (isArray) scan.items(start, () => items++);
  if (!scan.isContainer(start) || (isArray && part !== "-" && part !== String(items))) {
    throw new AmpsyncError("SY004", `the source's body has no place ${pointer}`, {
      detail: `What stands there instead has no part ${JSON.stringify(part)}.`,
      hint: "Correct body or the pointer.",
    });
  }
  const end = scan.endOf(start) - 1;
  const isEmpty = scan.skipWhite(start + 1) === end;
  const member = isArray ? value : `${JSON.stringify(part)}:${value}`;
  return scan.text(0, end) + (isEmpty ? "" : ",") + member + scan.text(end, scan.json.length);
}
