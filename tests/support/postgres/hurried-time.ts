import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { waitFor } from "../wait-for.ts";
import { letTimePass, moveClock } from "./clock.ts";
import type { TestDatabase } from "./database.ts";

const HURRY_EVERY_MS = 400;
/** What waits for a later time gets it sooner: each time twice as much. */
const FIRST_LEAP_S = 20;
const LEAP_EVERY_MS = 4_000;
/** Long, for it is counted by the real clock on machines that have more to do. */
const DEADLINE_MS = 90_000;

/** Time of a test database that passes faster than the real one. */
export class HurriedTime {
  readonly #db: TestDatabase;
  #jobsAt = 0;

  constructor(db: TestDatabase) {
    this.#db = db;
  }

  /** Lets some time pass, in which jobs that wait for a later time are due at once. */
  async pass(ms: number, isEnough: () => Promise<boolean> = async () => false): Promise<void> {
    const until = performance.now() + ms;
    do {
      await this.hurry();
      await pause(Math.max(0, Math.min(50, until - performance.now())));
    } while (performance.now() < until && !(await isEnough()));
  }

  /** The same once, if the last time is long enough ago. */
  async hurry(): Promise<void> {
    if (performance.now() < this.#jobsAt) return;
    this.#jobsAt = performance.now() + HURRY_EVERY_MS;
    await this.#db.query(
      `select graphile_worker.add_job(t.identifier, j.payload, job_key => j.key)
         from graphile_worker._private_jobs j
         join graphile_worker._private_tasks t on t.id = j.task_id
        where j.key is not null and j.locked_at is null and j.run_at > clock_timestamp()`,
    );
  }

  /** Waits for a condition; meanwhile hours pass, for those alone who wait for a time to come. */
  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    let leaps = 0;
    let leapAt = performance.now() + LEAP_EVERY_MS;
    await waitFor(
      what,
      async () => {
        await this.hurry();
        if (performance.now() > leapAt) {
          await this.#leap(leaps++);
          leapAt = performance.now() + LEAP_EVERY_MS;
        }
        return await condition();
      },
      DEADLINE_MS,
    );
  }

  /** Workers live through it, but now and then through a short one: then leases that were left behind run out. */
  async #leap(nth: number): Promise<void> {
    if (nth % 4 === 3) return await moveClock(this.#db, "31 s");
    try {
      await letTimePass(this.#db, `${Math.min(900, FIRST_LEAP_S * 2 ** nth)} s`);
    } catch (error) {
      await this.#db.query("rollback");
      if ((error as pg.DatabaseError).code !== "40P01") throw error; // Heartbeats take the same rows in another order.
    }
  }
}
