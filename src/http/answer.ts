import { textOf } from "../model/foreign-text.ts";

/** One request, as it goes out. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Until the headers come, and of silence in the body; the whole request gets twelve times that. */
  readonly timeoutMs: number;
}

/** Names are in lower case. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a server answered: a body that is complete, and decompressed. Of a refusal only the beginning of its body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: Uint8Array;
  /** A refusal whose body broke off: what it would have told is not known. */
  readonly isCut?: boolean;
}

/** What a server says, to be cleaned. What broke off may end with the beginning of a secret: it is not shown. */
export function saidIn({ body, isCut }: HttpAnswer): string {
  return isCut === true ? "" : textOf(body);
}

/** A header as one text; null where it is absent. */
export function headerOf(headers: HttpHeaders, name: string): string | null {
  const value = headers[name];
  return value === undefined ? null : typeof value === "string" ? value : value.join(", ");
}
