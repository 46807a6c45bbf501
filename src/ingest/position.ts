import type { Token } from "./token.ts";

/**
 * What the next request is made from, exactly as it is stored with the rows. Where none is stored, a run begins at its
 * beginning. `longest`: the records of the longest page so far, where pages begin with the value asked for.
 */
export type Position =
  | { readonly token: Token }
  | { readonly url: string }
  | { readonly page: number }
  | { readonly offset: number }
  | { readonly after: Token; readonly longest?: number };

/** Positions with the same text are the same request. */
export function textOf(position: Position): string {
  return "after" in position ? JSON.stringify({ after: position.after }) : JSON.stringify(position);
}
