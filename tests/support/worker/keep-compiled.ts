import { flushCompileCache } from "node:module";

/**
 * Preloaded by workers of tests: what was compiled for one is kept for the next,
 * although most are killed and write nothing at their end.
 */
setTimeout(flushCompileCache, 1_000).unref();
