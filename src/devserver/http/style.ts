import type { Faults } from "./faults.ts";
import type { Dialect } from "./limits/dialects.ts";
import type { LimitRefusal } from "./limits/limit-faults.ts";
import type { Tokens } from "./paging/tokens.ts";
import type { Item } from "./records/item.ts";
import type { Between, Order } from "./records/lists.ts";
import type { ApiRequest } from "./request.ts";

/** What a style makes its answer from. */
export interface World {
  readonly now: number;
  readonly seed: number;
  /** The number of the request, from 1. */
  readonly order: number;
  readonly origin: string;
  readonly tokens: Tokens;
  readonly faults: Readonly<Faults>;
  /** All records in an order, or those between bounds; those that stand in it twice only where the place is an index. */
  readonly list: (order: Order, between?: Between, places?: "indexes" | "records") => readonly Item[];
  /** The index of a record in such a list. */
  readonly indexOf: (list: readonly Item[], serial: number) => number | undefined;
}

/** A page: the text around the array of its records, and these. */
export interface Page {
  readonly kind: "page";
  readonly before: string;
  readonly items: readonly Item[];
  readonly after: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which of its forms the style gives the records. */
  readonly variant?: string;
}

/** An answer without records. */
export interface Refusal {
  readonly kind: "refusal";
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One kind of API. */
export interface Style {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly contentType: string;
  /** How it tells its rate limit, and how it refuses what is above it. */
  readonly dialect: Dialect;
  readonly limitRefusal: LimitRefusal;
  /** What the request names the place by from which it wants to go on; null: it wants the beginning. */
  readonly tokenOf: (request: ApiRequest) => string | null;
  readonly answer: (request: ApiRequest, world: World) => Page | Refusal;
  /** The text of one record; where a style has several forms, the first one unless another is named. */
  readonly render: (item: Item, seed: number, variant?: string) => string;
  /** The body of an error. */
  readonly errorBody: (status: number, message: string, param?: string) => string;
}
