import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { STALL_DEADLINE_MS, waitFor } from "../wait-for.ts";
import { letTimePass } from "./clock.ts";
import type { TestDatabase } from "./database.ts";

const HURRY_EVERY_MS = 200;
/** What waits for a later time gets it sooner: each time twice as much. */
const FIRST_LEAP_S = 10;
const LEAP_EVERY_MS = 1_500;

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
    let leap = FIRST_LEAP_S;
    let leapAt = performance.now() + LEAP_EVERY_MS;
    await waitFor(
      what,
      async () => {
        await this.hurry();
        if (performance.now() > leapAt) {
          await this.#leap(leap);
          leap = Math.min(900, 2 * leap);
          leapAt = performance.now() + LEAP_EVERY_MS;
        }
        return await condition();
      },
      STALL_DEADLINE_MS,
    );
  }

  /** Workers live through it. */
  async #leap(seconds: number): Promise<void> {
    try {
      await letTimePass(this.#db, `${seconds} s`);
    } catch (error) {
      await this.#db.query("rollback");
      if ((error as pg.DatabaseError).code !== "40P01") throw error; // Heartbeats take the same rows in another order.
    }
  }
}
