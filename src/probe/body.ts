import { AmpsyncError } from "../errors.ts";
import { type HttpAnswer, type HttpHeaders, headerOf } from "../http/answer.ts";
import { decodeBody } from "../http/body-text.ts";
import { parseBounded } from "../model/bounded-json.ts";
import type { Clean } from "../model/foreign-text.ts";

/** What a page may cost in memory: more is no page that anybody wants to look at. */
const LIMITS = { depth: 200, values: 4_000_000 };
const STREAM_TYPE = /ndjson|jsonl|json-?lines|json-seq|stream\+json|event-stream/i;
/** So many lines are looked at: two or more that are JSON objects are NDJSON. */
const LINES = 3;
/** How much of a body is shown. */
const SHOWN = 300;

/** What a body is. `why`: for people, where it is no document. */
export type Body =
  | { readonly kind: "document"; readonly json: Buffer; readonly value: unknown }
  | { readonly kind: "stream" | "other"; readonly why: string };

/** What the type of an answer alone says: a body of records one after the other, which may have no end; null: it is none. */
export function streamIn(headers: HttpHeaders): Body | null {
  const type = headerOf(headers, "content-type") ?? "";
  if (!STREAM_TYPE.test(type)) return null;
  const form = /event-stream/i.test(type) ? "server-sent events" : "NDJSON";
  return { kind: "stream", why: notSupported(form) };
}

export function bodyOf({ headers, body }: HttpAnswer, clean: Clean): Body {
  const stream = streamIn(headers);
  if (stream !== null) return stream;
  let text = "";
  try {
    const json = decodeBody(body, headerOf(headers, "content-type"));
    text = json.toString();
    return { kind: "document", json, value: parseBounded(text, LIMITS) };
  } catch (error) {
    if (error instanceof AmpsyncError) return { kind: "other", why: reasonOf(error, clean) };
    if (error instanceof RangeError) return { kind: "other", why: `JSON, but ${error.message}` };
    return isLines(text)
      ? { kind: "stream", why: notSupported("NDJSON") }
      : { kind: "other", why: `no JSON${beginning(text, clean)}` };
  }
}

/** Why an answer is no page for workers either, for people. */
export function reasonOf({ message, detail }: AmpsyncError, clean: Clean): string {
  return clean(detail === null ? message : `${message}: ${detail}`);
}

/** The beginning of a text from others, for people. */
export function beginning(text: string, clean: Clean): string {
  const words = clean(text).trim().slice(0, SHOWN);
  return words === "" ? ", without a text" : `: ${words}`;
}

function notSupported(form: string): string {
  return `${form}, a record a line, is not supported: look for the address that serves pages`;
}

function isLines(text: string): boolean {
  const lines = text.split("\n", LINES).filter((line) => line.trim() !== "");
  return lines.length > 1 && lines.every(isObject);
}

function isObject(line: string): boolean {
  try {
    const value = parseBounded(line, LIMITS);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
