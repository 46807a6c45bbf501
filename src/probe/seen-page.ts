import type { HttpHeaders } from "../http/answer.ts";
import { splitRecords } from "../http/split-records.ts";
import type { Asked } from "./ask.ts";
import { type Field, findFields, findKey } from "./find-fields.ts";
import { findRecords } from "./find-records.ts";
import { isObject, type JsonObject, type Member, membersOf } from "./members.ts";

/** A page, with what was found in it. */
export interface SeenPage {
  readonly url: URL;
  readonly headers: HttpHeaders;
  readonly document: unknown;
  /** The document with its array of records emptied. */
  readonly outside: Uint8Array;
  /** Pointer to the records. */
  readonly records: string;
  /** Their texts, as they came. */
  readonly texts: readonly string[];
  readonly count: number;
  readonly lastRecord: JsonObject | null;
  readonly fields: readonly Field[];
  readonly otherFields: number;
  readonly key: Field | null;
  /** The body of the request; null: it was a GET. */
  readonly body: string | null;
}

/** The page in an answer; null: it has none. */
export function seenPage({ body, url, headers }: Asked, requestBody: string | null): SeenPage | null {
  if (body?.kind !== "document") return null;
  const found = findRecords(body.value, url);
  if (found === null) return null;
  const { outside, records } = splitRecords(body.json, found.pointer);
  if (records === null) return null; // Of a name that is there twice another one was found.
  const { fields, others } = findFields(found.records);
  const texts = Array.from(records.starts, (start, n) => body.json.toString("utf8", start, records.ends[n]));
  return {
    ...{ url, headers, document: body.value, outside, records: found.pointer, texts, count: texts.length },
    lastRecord: found.records.at(-1) ?? null,
    fields,
    otherFields: others,
    key: findKey(fields, found.records.length),
    body: requestBody,
  };
}

/** What an answer without records fills where APIs tell a failure; null: nothing. */
export function failureOf({ body }: Asked): string | null {
  const document = body?.kind === "document" && isObject(body.value) ? body.value : {};
  const failure = document["error"] ?? document["errors"] ?? null;
  return failure === null ? null : JSON.stringify(failure);
}

/** The members of a page that are no part of its records. */
export function membersBeside({ document, records }: SeenPage): readonly Member[] {
  return membersOf(document).filter(({ pointer }) => !`${pointer}/`.startsWith(`${records}/`));
}
