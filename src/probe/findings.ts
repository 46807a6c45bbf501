import type { ToldWindow } from "../http/rate-headers.ts";
import type { Field } from "./find-fields.ts";

/** What an API answered to one request, for people and machines. */
export interface AnswerFinding {
  readonly status: number | null;
  readonly content_type: string | null;
  /** Why there is no page. */
  readonly problem: string | null;
  readonly bytes: number;
  readonly seconds: number;
  readonly redirects: readonly string[];
}

/** One way of sending the key, and the limits that are told to it. */
export interface WayFinding extends AnswerFinding {
  /** `in the header X-API-Key`. */
  readonly key: string;
  /** The headers that tell limits, as they came. */
  readonly rate_headers: Readonly<Record<string, string>>;
  /** As workers read them; times in seconds. */
  readonly limits: readonly ToldWindow[];
  readonly retry_after_s: number | null;
}

/** A page size that was asked for, and what came. */
export interface SizeFinding extends AnswerFinding {
  readonly asked: number;
  readonly records: number | null;
  /** The answer says that nothing follows: it is all there is. */
  readonly is_all: boolean;
}

/** How the next page is asked for. */
export interface NextFinding {
  /** As `pages` of a definition has it. */
  readonly pages: Readonly<Record<string, unknown>>;
  readonly why: string;
  /** `followed`: it was asked for, and came; `untried`: this was the only page. */
  readonly how: "followed" | "untried";
}

/** What was found in a page. */
export interface PageFinding {
  /** JSON Pointers; null: nothing like that was found. */
  readonly records: string;
  readonly count: number;
  readonly key: string | null;
  readonly next: NextFinding | null;
  /** Another host, to which the answer leads: workers do not go on there. */
  readonly next_elsewhere: string | null;
  readonly more: string | null;
  readonly total: { readonly pointer: string; readonly value: number } | null;
  readonly lifetime: { readonly at: string; readonly seconds: number } | null;
  readonly fields: readonly Field[];
  readonly other_fields: number;
}

/** All that a probe found. */
export interface Findings {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly requests: number;
  readonly ways: readonly WayFinding[];
  readonly page: PageFinding | null;
  /** The parameter for sizes; null: none was asked about. */
  readonly param: string | null;
  readonly sizes: readonly SizeFinding[];
  /** The rate limit is used up: what is missing was not asked for. */
  readonly is_used_up: boolean;
  /** A statement to begin with; null: too little was recognised. */
  readonly suggestion: string | null;
}
