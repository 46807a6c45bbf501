import { afterAll, afterEach, beforeAll } from "vitest";

import { late } from "../late.ts";
import { Scenario, type ScenarioOptions } from "./scenario.ts";
import type { Worker } from "./worker.ts";

/** One database, one server and one worker for all tests of a file, each of which follows a source of its own. */
export function sharedScenario(
  options: ScenarioOptions = {},
  startWorker = (made: Scenario): Worker => made.startWorker(),
): Scenario {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await Scenario.start(options);
    startWorker(scenario);
  });
  afterEach(() => scenario.reset());
  afterAll(() => scenario[Symbol.asyncDispose]());
  return late(() => scenario);
}
