import type { Extensions } from "@electric-sql/pglite";

import { beginsWith } from "../client/begins-with.ts";

/** Where a page's server has what a new store begins with. */
export const STORE = "store.packed";

/** For pages that are served by `serveFolder`: what is made anew takes a browser seconds. */
export const READY_MADE: Extensions = {
  readyMade: beginsWith(async () => new Uint8Array(await (await fetch(`/${STORE}`)).arrayBuffer())),
};
