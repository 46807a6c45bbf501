import { endTrackedWorkers } from "./tracked-workers.ts";

/** Runs before each file of tests that may start workers. */
endTrackedWorkers();
